//! Quotas spent over a real socket, each request beside what must come of it. The clock is turned by hand.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use tower_warden::testing::FakeClock;

use crate::app::Demo;
use crate::http_caller::{Ask, Caller};
use crate::shared_tour::{Entry, Log, Stop};
use crate::wire;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SPENT: (&str, &str) = ("rate_limit", "principal_quota_exceeded");
const SPENT_BY_ADDRESS: (&str, &str) = ("rate_limit", "address_quota_exceeded");

pub(crate) async fn run(
    demo: &Demo,
    clock: &FakeClock,
    address: SocketAddr,
    log: &Log,
) -> Result<Vec<Stop>> {
    let tour = Tour { demo, clock, address, caller: Caller::new(address, log) };
    let mut stops = Vec::new();
    tour.send(&mut stops, tour.burst_and_day()).await?;
    clock.advance(Duration::from_secs(60));
    tour.send(&mut stops, tour.a_minute_later()).await?;
    tour.send(&mut stops, tour.plans_and_changes()).await?;
    tour.send(&mut stops, tour.failures_and_trials()).await?;
    tour.streams(&mut stops).await?;
    tour.checkout(&mut stops).await?;
    tour.insist().await?;
    tour.send(&mut stops, tour.inspection()).await?;
    tour.over_the_wire(&mut stops).await?;
    Ok(stops)
}

struct Tour<'a> {
    demo: &'a Demo,
    clock: &'a FakeClock,
    address: SocketAddr,
    caller: Caller,
}

impl Tour<'_> {
    async fn send(&self, stops: &mut Vec<Stop>, asks: Vec<Ask>) -> Result<()> {
        for ask in asks {
            stops.push(self.caller.send(ask).await?);
        }
        Ok(())
    }

    /// Three at once, and five a day.
    fn burst_and_day(&self) -> Vec<Ask> {
        let fay = || ask("GET /quotes  (fay, no plan)", self.demo.free());
        vec![
            Ask { status: "200", fields: vec![("ratelimit", r#""burst";r=2;t=10"#)], ..fay() },
            Ask {
                status: "200",
                fields: vec![("ratelimit-policy", r#""daily";q=5;w=86400"#)],
                ..fay()
            },
            Ask { status: "200", fields: vec![("ratelimit", r#""burst";r=0;t=30"#)], ..fay() },
            // The burst refuses, and the day is not charged for it.
            refused(r#""violated-policies":["burst"]"#, "10", fay()),
            Ask { status: "200", ..ask("GET /quotes  (oz, exempt)", self.demo.operator()) },
        ]
    }

    fn a_minute_later(&self) -> Vec<Ask> {
        let fay = || ask("GET /quotes  (fay, a minute later)", self.demo.free());
        vec![
            Ask { status: "200", fields: vec![("ratelimit", r#""daily";r=1;t=69060"#)], ..fay() },
            Ask { status: "200", fields: vec![("ratelimit", r#""daily";r=0"#)], ..fay() },
            refused(r#""violated-policies":["daily"]"#, "17220", fay()),
        ]
    }

    fn plans_and_changes(&self) -> Vec<Ask> {
        let (pam, oz) = (self.demo.pro(), self.demo.operator());
        let quota = ("ratelimit-policy", r#""burst";q=30;w=30"#);
        vec![
            Ask { status: "200", fields: vec![quota], ..ask("GET /quotes  (pam, pro)", pam) },
            Ask {
                status: "200",
                fields: vec![("ratelimit", r#""burst";r=26;t=4"#)],
                ..ask("GET /export  (pam; costs three)", pam)
            },
            Ask { status: "204", ..ask("PUT /admin/quota/daily/pro/2000", oz) },
            Ask {
                status: "200",
                fields: vec![("ratelimit-policy", r#""daily";q=2000;w=86400"#)],
                ..ask("GET /quotes  (pam, with 2,000)", pam)
            },
            Ask {
                status: "400",
                says: "zero",
                ..ask("PUT /admin/quota/daily/pro/0  (a slip)", oz)
            },
        ]
    }

    fn failures_and_trials(&self) -> Vec<Ask> {
        let guess = |title, password| Ask { body: Some(password), ..ask(title, "") };
        let wrong = || Ask { status: "401", ..guess("POST /login  (wrong)", "guess") };
        let fourth = guess("POST /login  (a fourth guess)", "guess");
        let fourth = refused(r#""violated-policies":["log-in"]"#, "1200", fourth);
        let search = || ask("GET /search  (two a minute, on trial)", self.demo.free());
        vec![
            Ask { status: "200", ..guess("POST /login  (right: free of charge)", "correct horse") },
            wrong(),
            wrong(),
            wrong(),
            Ask { log: SPENT_BY_ADDRESS, ..fourth },
            Ask { status: "200", ..search() },
            Ask { status: "200", ..search() },
            Ask {
                status: "200",
                fields: vec![("ratelimit", r#""searches";r=0;t=30"#)],
                ..search()
            },
            Ask {
                status: "200",
                says: r#""searches":{"charged":2,"refused":0,"would_refuse":1}"#,
                ..ask("GET /admin/usage  (oz)", self.demo.operator())
            },
        ]
    }

    /// A feed is under way until it ends, or its reader goes away; bytes are charged when they were sent.
    async fn streams(&self, stops: &mut Vec<Stop>) -> Result<()> {
        let fay = self.demo.free();
        let feed = || ask("GET /feed?lines=2  (fay)", fay);
        let held = wire::open(self.address, "/feed", fay).await?;
        stops.push(seen("GET /feed  (fay, reads on and on)", "200", &held.read));
        let second = Ask {
            status: "429",
            says: r#""violated-policies":["feeds"]"#,
            fields: vec![("retry-after", "1"), ("ratelimit-policy", "concurrent-requests")],
            log: ("concurrency_limit", "concurrency_limit_exceeded"),
            ..ask("GET /feed  (fay, beside the first)", fay)
        };
        stops.push(self.caller.send(second).await?);
        drop(held);
        // The server notices when it next has something to send.
        let mut after = self.caller.send(Ask { status: "200", ..feed() }).await?;
        for _ in 0..100 {
            if after.status == "200" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            after = self.caller.send(Ask { status: "200", ..feed() }).await?;
        }
        stops.push(after);
        let download = || ask("GET /download  (fay, 15,000 bytes)", fay);
        stops.push(self.caller.send(Ask { status: "200", ..download() }).await?);
        let spent = Ask {
            status: "429",
            says: r#""violated-policies":["downloads"]"#,
            fields: vec![("retry-after", "1800"), ("ratelimit-policy", "content-bytes")],
            log: ("bandwidth_limit", "bandwidth_exceeded"),
            ..download()
        };
        stops.push(self.caller.send(spent).await?);
        Ok(())
    }

    /// In order, and no faster than people read.
    async fn checkout(&self, stops: &mut Vec<Stop>) -> Result<()> {
        let fay = self.demo.free();
        let step = |title| Ask { status: "200", ..ask(title, fay) };
        let out_of_order = Ask {
            status: "403",
            log: ("flow", "flow_step_out_of_order"),
            ..ask("POST /checkout/pay  (for what?)", fay)
        };
        let too_soon = Ask {
            status: "429",
            says: "abnormal-usage-detected",
            fields: vec![("retry-after", "2")],
            log: ("flow", "flow_step_too_soon"),
            ..ask("POST /checkout/address  (a script)", fay)
        };
        let again = Ask {
            status: "429",
            says: r#""violated-policies":["checkout"]"#,
            log: ("flow", "flow_completions_exceeded"),
            ..ask("POST /checkout/pay  (one a day)", fay)
        };
        for (seconds, ask) in [
            (0, out_of_order),
            (0, step("POST /checkout/cart")),
            (0, too_soon),
            (2, step("POST /checkout/address")),
            (2, step("POST /checkout/pay")),
            (2, step("POST /checkout/cart  (once more)")),
            (2, step("POST /checkout/address")),
            (2, again),
        ] {
            self.clock.advance(Duration::from_secs(seconds));
            stops.push(self.caller.send(ask).await?);
        }
        Ok(())
    }

    /// Asks on although the day is spent, until that is noticed: one request in 16 is looked at.
    async fn insist(&self) -> Result<()> {
        let limiter = self.demo.warden().limiter("burst").ok_or("no such limit")?;
        let key = [("x-api-key", self.demo.free().to_owned())];
        for _ in 0..10_000 {
            if limiter.top_consumers(10).iter().any(|one| one.key().ends_with("fay")) {
                break;
            }
            self.clock.advance(Duration::from_millis(100));
            self.caller.ask("GET /quotes", &key, "429", SPENT).await?;
        }
        Ok(())
    }

    fn inspection(&self) -> Vec<Ask> {
        let oz = self.demo.operator();
        vec![
            Ask { status: "200", says: r#""limit":5"#, ..ask("GET /admin/peek/daily/fay", oz) },
            Ask { status: "200", says: "fay", ..ask("GET /admin/top/burst", oz) },
            Ask {
                status: "403",
                log: ("rules", "role_missing"),
                ..ask("GET /admin/top/burst  (fay)", self.demo.free())
            },
        ]
    }

    /// A refusal, byte by byte.
    async fn over_the_wire(&self, stops: &mut Vec<Stop>) -> Result<()> {
        let answer = wire::open(self.address, "/download", self.demo.free()).await?.read;
        println!("over the wire:\n\n{answer}\n");
        stops.push(seen("GET /download  (printed above)", "429", &answer));
        Ok(())
    }
}

fn ask(title: &'static str, key: &str) -> Ask {
    let key = (!key.is_empty()).then(|| ("x-api-key", key.to_owned()));
    Ask { title, headers: key.into_iter().collect(), ..Ask::default() }
}

/// A refusal by one limit, after which there is enough in so many seconds.
fn refused(says: &'static str, retry_after: &'static str, ask: Ask) -> Ask {
    Ask { status: "429", says, fields: vec![("retry-after", retry_after)], log: SPENT, ..ask }
}

/// A stop whose answer was read as it came.
fn seen(request: &'static str, expected_status: &'static str, answer: &str) -> Stop {
    let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
    let saw = answer.lines().next().unwrap_or_default().to_owned();
    Stop { request, status, expected_status, saw, log: Entry::default(), expected_log: ("", "") }
}
