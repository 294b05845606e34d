//! The authorization matrix for tests: what it finds, and what it says.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use tower::Service;
use tower_warden::authz::{Rules, public, scope};
use tower_warden::testing::{Actor, AuthorizationMatrix, Call, Expected, MatrixReport};

use crate::support::TestBody;

/// A service that answers `x-who` with the status that is written in the path after that name,
/// `/ada=200/eve=403`, and otherwise with 200.
fn scripted() -> impl Service<Request<TestBody>, Response = Response<TestBody>, Error = Infallible>
{
    tower::service_fn(async |request: Request<TestBody>| {
        let who = request.headers().get("x-who").map_or("nobody", |who| who.to_str().unwrap());
        let cells = request.uri().path().split('/').filter_map(|cell| cell.split_once('='));
        let status = cells.into_iter().find(|(name, _)| *name == who).map_or("200", |cell| cell.1);
        Ok(Response::builder()
            .status(status.parse::<u16>().unwrap())
            .body(Full::default())
            .unwrap())
    })
}

fn actors() -> [Actor; 3] {
    [
        Actor::new("ada").header("x-who", "ada"),
        Actor::new("eve").header("x-who", "eve"),
        Actor::new("nobody"),
    ]
}

fn matrix() -> AuthorizationMatrix {
    AuthorizationMatrix::new(actors())
}

async fn run(matrix: &AuthorizationMatrix) -> MatrixReport {
    matrix.run(scripted()).await
}

fn told(report: &MatrixReport) -> Vec<String> {
    report.mismatches().iter().map(ToString::to_string).collect()
}

fn panic_of(report: &MatrixReport) -> String {
    let caught = catch_unwind(AssertUnwindSafe(|| report.assert_as_expected()));
    *caught.unwrap_err().downcast::<String>().unwrap()
}

#[tokio::test]
async fn every_expectation_is_met_by_its_statuses_and_no_others() {
    use Expected::{Allowed, Forbidden, Hidden, Refused, Status, Unauthenticated};
    for (expected, good) in [
        (Allowed, &[200, 201, 204, 301, 304, 399][..]),
        (Forbidden, &[403]),
        (Hidden, &[404]),
        (Unauthenticated, &[401]),
        (Refused, &[401, 403, 404]),
        (Status(422), &[422]),
        (Status(500), &[500]),
    ] {
        for status in [200, 201, 204, 301, 304, 399, 400, 401, 403, 404, 405, 422, 429, 500, 503] {
            let call = Call::get(&format!("/ada={status}/eve=403/nobody=401"));
            let report = run(&matrix().expect(call, [("ada", expected)])).await;
            assert_eq!(
                report.mismatches().is_empty(),
                good.contains(&status),
                "{expected} {status}"
            );
        }
    }
}

#[tokio::test]
async fn who_is_not_named_is_expected_to_be_refused() {
    let matrix = matrix()
        .allow(Call::get("/ada=200/eve=200/nobody=401"), ["ada"])
        .allow(Call::get("/ada=200/eve=404/nobody=200"), [])
        .allow_everybody(Call::post("/ada=200/eve=200/nobody=302"))
        .row(Call::put("/ada=200/eve=404/nobody=401"), [200, 404, 401]);
    let report = run(&matrix).await;
    assert_eq!(
        told(&report),
        [
            "eve: GET /ada=200/eve=200/nobody=401: expected refused, got 200",
            "ada: GET /ada=200/eve=404/nobody=200: expected refused, got 200",
            "nobody: GET /ada=200/eve=404/nobody=200: expected refused, got 200",
        ]
    );
    assert!(report.problems().is_empty());
    let panic = panic_of(&report);
    assert!(panic.starts_with("the authorization matrix does not hold\n  eve: GET"), "{panic}");
    assert!(panic.contains("| **200, not refused** "), "{panic}");
}

#[tokio::test]
async fn a_matrix_prints_itself_for_documentation() {
    let matrix = matrix()
        .allow(Call::get("/{a}/eve=403/nobody=401").object("a", "hers", "ada=200"), ["ada"])
        .row(Call::post("/ada=422/eve=403/nobody=401").named("bad | item"), [422, 403, 401]);
    assert_eq!(
        matrix.to_string(),
        "\
| request                                        | ada     | eve     | nobody  |
|------------------------------------------------|---------|---------|---------|
| GET /{a}/eve=403/nobody=401 (hers)             | allowed | refused | refused |
| POST /ada=422/eve=403/nobody=401 (bad \\| item) | 422     | 403     | 401     |
"
    );
    let report = run(&matrix).await;
    report.assert_as_expected();
    assert_eq!(report.to_string().lines().nth(2).unwrap().matches("200").count(), 1);
    assert_eq!(format!("{:?}", actors()[0]), r#"Actor { name: "ada", .. }"#);
}

#[tokio::test]
async fn a_matrix_with_a_mistake_fails_whatever_comes_back() {
    let good = || Call::get("/ada=200/eve=403/nobody=401");
    let alone =
        |actor| AuthorizationMatrix::new([actor]).allow(Call::get("/ada=401/nobody=401"), []);
    for (matrix, problem) in [
        (matrix(), "the matrix is empty"),
        (AuthorizationMatrix::new([]).allow(good(), []), "the matrix is empty"),
        (
            matrix().allow(good(), ["ada", "mallory"]),
            "GET /ada=200/eve=403/nobody=401: there is no actor mallory",
        ),
        (
            matrix().allow(good(), ["ada", "ada"]),
            "GET /ada=200/eve=403/nobody=401: ada is there twice",
        ),
        (matrix().row(good(), [200, 403]), "GET /ada=200/eve=403/nobody=401: 2 cells for 3 actors"),
        (
            matrix().allow(good().object("id", "x", "1"), ["ada"]),
            "GET /ada=200/eve=403/nobody=401: has no parameter `id`",
        ),
        (
            matrix().allow(good().header("a b", ""), ["ada"]),
            "GET /ada=200/eve=403/nobody=401: `a b` is no header field",
        ),
        (alone(Actor::new("ada").header("x-who", "\n")), "actor ada: `x-who` is no header field"),
    ] {
        let report = run(&matrix).await;
        assert_eq!(report.problems(), [problem]);
        assert!(panic_of(&report).contains(problem));
    }
    let twice = AuthorizationMatrix::new([Actor::new("nobody"), Actor::new("nobody")]);
    let report = run(&twice.row(Call::get("/nobody=200"), [200, 200])).await;
    assert_eq!(report.problems(), ["actor nobody: is there twice"]);
    let report = run(&matrix().allow(Call::get("/{id}"), ["ada"])).await;
    assert_eq!(report.problems(), ["GET /{id}: a parameter has no object"]);
}

#[tokio::test]
async fn a_rule_or_an_actor_that_the_matrix_forgets_fails_the_test() {
    let rules = Rules::builder()
        .get("/open", public("probe"))
        .get("/{a}/{b}", scope("read"))
        .post("/{a}/{b}", scope("write"))
        .put("/{a}/{b}", scope("write"))
        .any("/rest/{*rest}", scope("rest"))
        .build()
        .unwrap();
    let call = |method: &str, path: &str| Call::new(method.parse().unwrap(), path);
    let gaps =
        async |matrix: AuthorizationMatrix| run(&matrix.covering(&rules)).await.problems().to_vec();
    let two = || AuthorizationMatrix::new(actors().into_iter().take(2));
    let some = two()
        .allow(call("GET", "/ada=200/eve=403"), ["ada"])
        .allow(call("POST", "/ada=403/eve=403"), [])
        .allow_everybody(call("PUT", "/ada=200/eve=200"));
    assert_eq!(
        gaps(some).await,
        [
            "GET /open: public(probe): no row asks for it",
            "POST /{a}/{b}: scope(write): no actor is expected to be admitted, so bad credentials would go unnoticed",
            "PUT /{a}/{b}: scope(write): no actor is expected to be refused",
            "* /rest/{*rest}: scope(rest): no row asks for it",
        ]
    );
    let all = |actors: AuthorizationMatrix| {
        actors
            .expect(Call::get("/open"), [("ada", Expected::Allowed)])
            .allow(call("GET", "/ada=200/eve=403?page=2"), ["ada"])
            .expect(call("POST", "/ada=422/eve=403"), [("ada", 422)])
            .allow(call("PUT", "/ada=200/eve=404"), ["ada"])
            .allow(call("DELETE", "/rest/ada=200/eve=403"), ["ada"])
    };
    assert_eq!(gaps(all(two())).await, ["actor eve: no row names it"]);
    let named = all(two()).expect(Call::get("/open"), [("eve", Expected::Allowed)]);
    assert!(gaps(named).await.is_empty());

    // A section for one host needs a row that is for that host.
    let by_host = Rules::builder()
        .get("/{*page}", public("pages"))
        .host("admin.example", |admin| admin.get("/{*page}", public("what it is")))
        .build()
        .unwrap();
    let pages = |host| Call::get("/ada=200").header("host", host);
    let ada = || AuthorizationMatrix::new(actors().into_iter().take(1));
    let pages_only = ada().allow(pages("www.example"), ["ada"]).covering(&by_host);
    let gap = "GET admin.example/{*page}: public(what it is): no row asks for it";
    assert_eq!(run(&pages_only).await.problems(), [gap]);
    let both = pages_only.allow(pages("admin.example"), ["ada"]);
    run(&both).await.assert_as_expected();
}

#[tokio::test]
async fn those_who_are_let_in_come_last_in_a_row() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let service = tower::service_fn({
        let asked = Arc::clone(&asked);
        move |request: Request<TestBody>| {
            let who = request.headers().get("x-who").map_or("nobody", |who| who.to_str().unwrap());
            asked.lock().unwrap().push(who.to_owned());
            std::future::ready(Ok::<_, Infallible>(Response::new(TestBody::default())))
        }
    });
    let report = matrix().row(Call::delete("/orders/1"), [204, 404, 401]).run(service).await;
    assert_eq!(report.mismatches().len(), 3);
    assert_eq!(*asked.lock().unwrap(), ["eve", "nobody", "ada"]);
}

#[tokio::test]
async fn g1_a_grpc_status_is_read_at_the_head_and_at_the_end() {
    type Ended = StreamBody<
        futures_util::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>,
    >;
    let answer = |at_once: Option<&str>, at_end: Option<&str>| {
        let mut frames = vec![Ok(Frame::data(Bytes::from_static(b"message")))];
        frames.extend(at_end.map(|status| {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", status.parse().unwrap());
            Ok(Frame::trailers(trailers))
        }));
        let mut answer = Response::builder().header("content-type", "application/grpc+proto");
        if let Some(status) = at_once {
            answer = answer.header("grpc-status", status);
        }
        answer.body(Ended::new(futures_util::stream::iter(frames))).unwrap()
    };
    for (at_once, at_end, met) in [
        (Some("0"), None, Some(Expected::Allowed)),
        (None, Some("0"), Some(Expected::Status(0))),
        (Some("7"), None, Some(Expected::Forbidden)),
        (None, Some("7"), Some(Expected::Refused)),
        (Some("5"), None, Some(Expected::Hidden)),
        (None, Some("16"), Some(Expected::Unauthenticated)),
        (Some("13"), None, Some(Expected::Status(13))),
        (Some("13"), None, None),
        (None, None, None),
        (None, Some("seven"), None),
    ] {
        let asked = Arc::new(Mutex::new(None));
        let service = tower::service_fn(|request: Request<TestBody>| {
            *asked.lock().unwrap() = Some(request);
            std::future::ready(Ok::<_, Infallible>(answer(at_once, at_end)))
        });
        let call = Call::grpc("/orders.v1.Orders/Get").body("abc");
        let expected = met.unwrap_or(Expected::Refused);
        let one = AuthorizationMatrix::new([Actor::new("ada")]);
        let report = one.row(call, [expected]).run(service).await;
        assert_eq!(
            report.mismatches().is_empty(),
            met.is_some(),
            "{at_once:?} {at_end:?} {report}"
        );
        let request = asked.lock().unwrap().take().unwrap();
        assert_eq!(request.headers()["te"], "trailers");
        let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
        assert_eq!(body, b"\0\0\0\0\x03abc"[..]);
    }
}

#[tokio::test]
async fn a_service_that_fails_is_as_nobody_expects() {
    let service = tower::service_fn(async |_: Request<TestBody>| {
        Err::<Response<TestBody>, _>(std::io::Error::other("the line is dead"))
    });
    let one = AuthorizationMatrix::new([Actor::new("ada")]);
    let report = one.allow(Call::get("/"), []).run(service).await;
    let told = told(&report).join("\n");
    assert!(told.contains("expected refused, got ") && told.contains("the line is dead"), "{told}");
}
