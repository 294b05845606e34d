//! What leaves and what does not, for answers that are there as a whole.

use std::sync::Arc;

use http::{HeaderName, Method};
use http_body_util::BodyExt;
use tower_warden::authz::object::{Delete, Guard, Read};
use tower_warden::authz::{Access, all_of, authenticated, check};

use super::{DOWN, Draft, FORBIDDEN, HIDDEN, Handler, MINE, Order, asked, handler, reply, stacks};
use crate::support::{Answer, Logs, TestBody, ask};

fn one() -> Access {
    authenticated().serving::<Order>()
}

/// Both stacks give this status, for this reason; and nothing of the handler's answer unless it is let through.
async fn expect(name: &str, access: Access, handler: Handler, status: u16, reason: &str) {
    for (stack, service) in stacks(&access, &handler) {
        let answer = ask(service, asked(&[])).await;
        assert_eq!((answer.status, answer.reason()), (status, reason), "{name}, {stack}");
        let is_told = answer.text().contains("the order");
        assert_eq!(is_told, reason.is_empty(), "{name}, {stack}");
        assert_eq!(answer.headers.contains_key("x-order"), reason.is_empty(), "{name}, {stack}");
    }
}

#[tokio::test]
async fn z3_a_success_leaves_after_a_check_of_the_declared_type_and_action() {
    let read = || {
        handler(async |orders: Guard<Order>, _| {
            let _ = orders.check(Read, &MINE).await;
            reply(200)
        })
    };
    expect("checked", one(), read(), 200, "").await;
    expect("another action", one().by(Delete), read(), 500, "authz_not_performed").await;
    expect("this action", one().by(Read), read(), 200, "").await;
    let list = authenticated().serving_list_of::<Order>();
    expect("one of a list", list, read(), 500, "authz_not_performed").await;
    let drafts = authenticated().serving::<Draft>();
    expect("another type", drafts, read(), 500, "authz_not_performed").await;
}

#[tokio::test]
async fn z3_a_forgotten_check_lets_no_success_out() {
    for status in [101, 200, 201, 204, 206, 301, 302, 303, 304, 308, 399] {
        let forgets = handler(move |_, _| async move { reply(status) });
        expect(&status.to_string(), one(), forgets, 500, "authz_not_performed").await;
    }
    let forgets = handler(async |orders: Guard<Order>, _| {
        let _ = orders.allows(Read, &MINE).await;
        reply(200)
    });
    expect("only asked", one(), forgets, 500, "authz_not_performed").await;
}

#[tokio::test]
async fn z3_answers_of_400_and_above_leave() {
    for status in [400, 401, 403, 404, 409, 499, 500, 503, 599] {
        let forgets = handler(move |_, _| async move { reply(status) });
        for (stack, service) in stacks(&one(), &forgets) {
            let answer = ask(service, asked(&[])).await;
            assert_eq!(answer.status, status, "{stack}");
            assert!(!answer.reason().starts_with("authz"), "{stack}");
        }
    }
}

#[tokio::test]
async fn z4_a_swallowed_denial_is_answered_as_the_denial() {
    for (order, status) in [(HIDDEN, 404), (FORBIDDEN, 403), (DOWN, 503)] {
        let swallows = handler(move |orders, _| async move {
            let _ = orders.check(Read, &MINE).await;
            let _ = orders.check(Read, &order).await;
            reply(200)
        });
        expect(order.0, one(), swallows, status, "authz_denial_swallowed").await;
    }
    let both = handler(async |orders: Guard<Order>, _| {
        let _ = orders.check(Read, &FORBIDDEN).await;
        let _ = orders.check(Read, &HIDDEN).await;
        reply(200)
    });
    expect("that tells least", one(), both, 404, "authz_denial_swallowed").await;
    let absent = handler(async |orders: Guard<Order>, _| {
        let _ = orders.permit(Read, None).await;
        reply(200)
    });
    expect("absent", one(), absent, 404, "authz_denial_swallowed").await;
}

#[tokio::test]
async fn z4_a_denial_of_another_type_trips_and_its_permission_does_not_count() {
    let mixed = handler(async |orders: Guard<Order>, drafts: Guard<Draft>| {
        let _ = drafts.check(Read, &Draft).await;
        let _ = orders.check(Read, &HIDDEN).await;
        reply(200)
    });
    let drafts = authenticated().serving::<Draft>();
    expect("denied order", drafts, mixed, 404, "authz_denial_swallowed").await;
}

/// What the caller sees is the same, byte for byte but for the id.
#[tokio::test]
async fn z7_a_swallowed_denial_reads_as_one_that_was_returned() {
    let swallows = handler(async |orders: Guard<Order>, _| {
        let _ = orders.check(Read, &HIDDEN).await;
        reply(200)
    });
    let returns = handler(async |orders: Guard<Order>, _| {
        let denied = orders.check(Read, &HIDDEN).await.unwrap_err();
        let body = |bytes| TestBody::new(bytes).map_err(|never| match never {}).boxed_unsync();
        denied.into_http().map(body)
    });
    let outside = |mut answer: Answer| {
        answer.headers.remove("x-request-id");
        let mut body = answer.json();
        body.as_object_mut().unwrap().remove("instance");
        (answer.status, format!("{:?}", answer.headers), body)
    };
    for ((stack, one), (_, other)) in
        std::iter::zip(stacks(&one(), &swallows), stacks(&one(), &returns))
    {
        let (one, other) = (ask(one, asked(&[])).await, ask(other, asked(&[])).await);
        assert_eq!(other.reason(), "object_hidden");
        assert_eq!(outside(one), outside(other), "{stack}");
    }
}

#[tokio::test]
async fn z4_a_skip_with_a_reason_stands_for_the_check_and_not_for_a_denial() {
    let skips = handler(async |orders: Guard<Order>, _| {
        orders.skip("the catalogue is for all");
        reply(200)
    });
    expect("skipped", one(), skips.clone(), 200, "").await;
    expect("any type", authenticated().serving::<Draft>(), skips.clone(), 200, "").await;
    let list = authenticated().serving_list_of::<Order>();
    expect("a list", list, skips, 200, "").await;
    let covers = handler(async |orders: Guard<Order>, _| {
        let _ = orders.check(Read, &HIDDEN).await;
        orders.skip("covers a denial");
        reply(200)
    });
    expect("denied", one(), covers, 404, "authz_denial_swallowed").await;
}

#[tokio::test]
async fn z10_a_list_leaves_after_it_was_filtered() {
    let filters = |last| {
        handler(move |orders: Guard<Order>, _| async move {
            let _ = orders.filter(Read, [MINE, HIDDEN, last]).await;
            reply(200)
        })
    };
    let list = || authenticated().serving_list_of::<Order>();
    // What is left out is no denial.
    expect("filtered", list(), filters(FORBIDDEN), 200, "").await;
    expect("by this action", list().by(Read), filters(MINE), 200, "").await;
    expect("by another", list().by(Delete), filters(MINE), 500, "authz_not_performed").await;
    expect("one object", one(), filters(MINE), 500, "authz_not_performed").await;
    expect("not told", list(), filters(DOWN), 503, "authz_denial_swallowed").await;
    let drafts = authenticated().serving_list_of::<Draft>();
    expect("another type", drafts, filters(MINE), 500, "authz_not_performed").await;
}

#[tokio::test]
async fn z13_head_is_get() {
    for (checks, status) in [(true, 200), (false, 500)] {
        let reads = handler(move |orders, _| async move {
            if checks {
                let _ = orders.check(Read, &MINE).await;
            }
            reply(200).map(|_| TestBody::default().map_err(|never| match never {}).boxed_unsync())
        });
        for (stack, service) in stacks(&one(), &reads) {
            let mut request = asked(&[]);
            *request.method_mut() = Method::HEAD;
            assert_eq!(ask(service, request).await.status, status, "{stack}");
        }
    }
}

#[tokio::test]
async fn z3_what_is_withheld_leaves_nothing_behind() {
    #[derive(Clone)]
    struct Inside;
    let forgets = handler(async |_, _| {
        let mut answer = reply(302);
        answer.headers_mut().insert("location", "/orders/7?secret".parse().unwrap());
        answer.headers_mut().insert("set-cookie", "a=b".parse().unwrap());
        answer.extensions_mut().insert(Inside);
        answer
    });
    for (stack, service) in stacks(&one(), &forgets) {
        let answer = ask(service, asked(&[])).await;
        assert_eq!(answer.json()["code"], "internal_error", "{stack}");
        for name in ["location", "set-cookie", "x-order"] {
            assert!(!answer.headers.contains_key(name), "{stack}: {name}");
        }
        assert!(answer.extensions.get::<Inside>().is_none(), "{stack}");
    }
}

#[tokio::test]
async fn z3_what_is_withheld_is_told_in_the_log_with_its_rule() {
    let forgets = handler(async |_, _| reply(200));
    let access = all_of([authenticated(), check("two\nlines", |_, _| true)]).serving::<Order>();
    for (stack, service) in stacks(&access, &forgets) {
        let logs = Logs::capture();
        let answer = ask(service, asked(&[])).await;
        let text = logs.text();
        let lines: Vec<_> =
            text.lines().filter(|line| line.contains("authz_not_performed")).collect();
        assert_eq!(lines.len(), 1, "{stack}: {text}");
        for part in ["ERROR tower_warden::authz", "/orders/{id}", r"two\nlines", "serving Order"] {
            assert!(lines[0].contains(part), "{stack}: {part} is not in {text}");
        }
        assert!(lines[0].contains(answer.header("x-request-id")), "{stack}: {text}");
    }
}

#[tokio::test]
async fn z3_over_grpc_a_withheld_answer_is_a_status() {
    const GRPC: (&str, &str) = ("content-type", "application/grpc");
    let forgets = handler(async |_, _| reply(200));
    let swallows = handler(async |orders: Guard<Order>, _| {
        let _ = orders.check(Read, &HIDDEN).await;
        reply(200)
    });
    for (handler, code) in [(forgets, "13"), (swallows, "5")] {
        for (stack, service) in stacks(&one(), &handler) {
            let answer = ask(service, asked(&[GRPC])).await;
            assert_eq!((answer.status, answer.header("grpc-status")), (200, code), "{stack}");
            assert!(answer.body.is_empty() && answer.trailers.is_none(), "{stack}");
        }
    }
}

#[tokio::test]
async fn z3_a_grpc_call_that_failed_passes_and_nothing_that_only_says_so() {
    let grpc = "application/grpc";
    for (content_type, statuses, body, passes) in [
        (grpc, &["7"][..], "", true),
        ("application/grpc+proto", &["5"], "", true),
        (grpc, &["7"], "the order", false),
        (grpc, &["0"], "", false),
        (grpc, &["00"], "", false),
        (grpc, &["none"], "", false),
        (grpc, &[], "", false),
        (grpc, &["7", "0"], "", false),
        ("application/json", &["7"], "", false),
    ] {
        let answers: Handler = Arc::new(move |_| {
            Box::pin(async move {
                let body = TestBody::from(body).map_err(|never| match never {}).boxed_unsync();
                let mut answer = reply(200).map(|_| body);
                answer.headers_mut().insert("content-type", content_type.parse().unwrap());
                for status in statuses {
                    let name = HeaderName::from_static("grpc-status");
                    answer.headers_mut().append(name, status.parse().unwrap());
                }
                answer
            })
        });
        for (stack, service) in stacks(&one(), &answers) {
            let answer = ask(service, asked(&[("content-type", grpc)])).await;
            let name = format!("{stack}: {content_type} {statuses:?} {body:?}");
            assert_eq!(answer.headers.contains_key("x-order"), passes, "{name}");
            assert_eq!(answer.reason() == "authz_not_performed", !passes, "{name}");
        }
    }
}
