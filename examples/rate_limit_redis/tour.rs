//! Three instances, one Redis. Instance a runs in this process, where its log is; b and c in processes of their own.

use std::error::Error;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::net::TcpListener;

use crate::app::{App, Settings, TIME_OUT};
use crate::http_caller::{Ask, Caller};
use crate::instance::Instance;
use crate::redis_server::RedisServer;
use crate::shared_tour::{Entry, Log, Stop};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SPENT: (&str, &str) = ("rate_limit", "address_quota_exceeded");

/// What the table says of instances whose log is elsewhere.
const ELSEWHERE: &str = "another process";

/// How many requests the lease is shown with.
const MANY: u64 = 500;

pub(crate) async fn run(url: &str, server: Option<&RedisServer>, log: &Log) -> Result<Vec<Stop>> {
    let prefix = format!("rate-limit-tour-{}", std::process::id());
    let settings = |lease| Settings { url: url.to_owned(), prefix: prefix.clone(), lease };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = App::new(&settings(false))?.service()?;
    tokio::spawn(axum::serve(listener, service.into_make_service()).into_future());
    let (b, c) =
        (Instance::start(&settings(false)).await?, Instance::start(&settings(true)).await?);
    let tour = Tour {
        a: Caller::new(address, log),
        b: Caller::new(b.address, log),
        c: Caller::new(c.address, log),
    };
    let mut stops = Vec::new();
    tour.one_quota(&mut stops).await?;
    tour.guesses(&mut stops).await?;
    tour.lease(&mut stops).await?;
    match server {
        Some(server) => tour.outage(server, &mut stops).await?,
        None => println!("Redis is not paused: it is not this program's own\n"),
    }
    Ok(stops)
}

struct Tour {
    a: Caller,
    b: Caller,
    /// Draws tokens ahead.
    c: Caller,
}

impl Tour {
    async fn at_b(&self, stops: &mut Vec<Stop>, ask: Ask) -> Result<()> {
        let mut stop = self.b.send(ask).await?;
        stop.log.control = ELSEWHERE.to_owned();
        stop.expected_log = (ELSEWHERE, "");
        stops.push(stop);
        Ok(())
    }

    /// Six an hour, whoever is asked.
    async fn one_quota(&self, stops: &mut Vec<Stop>) -> Result<()> {
        let left =
            |title, left| Ask { status: "200", fields: vec![("ratelimit", left)], ..ask(title) };
        let spent = |title| Ask {
            status: "429",
            says: r#""violated-policies":["quotes"]"#,
            fields: vec![("ratelimit", r#""quotes";r=0"#)],
            ..ask(title)
        };
        stops.push(self.a.send(left("GET /quotes  (at a)", r#""quotes";r=5"#)).await?);
        self.at_b(stops, left("GET /quotes  (at b: told of a's)", r#""quotes";r=4"#)).await?;
        stops.push(self.a.send(left("GET /quotes  (at a)", r#""quotes";r=3"#)).await?);
        self.at_b(stops, left("GET /quotes  (at b)", r#""quotes";r=2"#)).await?;
        stops.push(self.a.send(left("GET /quotes  (at a)", r#""quotes";r=1"#)).await?);
        self.at_b(stops, left("GET /quotes  (at b: the last one)", r#""quotes";r=0"#)).await?;
        let at_a = Ask { log: SPENT, ..spent("GET /quotes  (at a)") };
        stops.push(self.a.send(at_a).await?);
        self.at_b(stops, spent("GET /quotes  (at b)")).await
    }

    /// Failures at one instance count at the other. They are charged in the background: nobody waits for it.
    async fn guesses(&self, stops: &mut Vec<Stop>) -> Result<()> {
        let wrong = |title| Ask { status: "401", body: Some("guess"), ..ask(title) };
        stops.push(self.a.send(wrong("POST /login  (at a, wrong)")).await?);
        self.at_b(stops, wrong("POST /login  (at b, wrong)")).await?;
        stops.push(self.a.send(wrong("POST /login  (at a, wrong)")).await?);
        until(async || Ok(seen(&self.a, "GET /left/log-in").await?["left"] == 0)).await?;
        let fourth = Ask {
            status: "429",
            says: r#""violated-policies":["log-in"]"#,
            body: Some("correct horse"),
            ..ask("POST /login  (at b, even the right one)")
        };
        self.at_b(stops, fourth).await
    }

    /// A hot key: most requests need no trip.
    async fn lease(&self, stops: &mut Vec<Stop>) -> Result<()> {
        let mut admitted = 0;
        for _ in 0..MANY {
            let stop = self.c.ask("GET /hot", &[], "200", ("", "")).await?;
            admitted += u64::from(stop.status == "200");
        }
        let trips = seen(&self.c, "GET /counted/trips").await?["number"].as_u64().unwrap_or(MANY);
        let few = admitted == MANY && trips * 5 <= MANY;
        stops.push(Stop {
            request: "GET /hot  (at c, 500 times)",
            status: if few { "200" } else { "too many trips" }.to_owned(),
            expected_status: "200",
            saw: format!("{admitted} admitted with {trips} trips to Redis"),
            log: Entry { control: ELSEWHERE.to_owned(), ..Entry::default() },
            expected_log: (ELSEWHERE, ""),
        });
        Ok(())
    }

    /// Redis holds its connections and answers nothing.
    async fn outage(&self, server: &RedisServer, stops: &mut Vec<Stop>) -> Result<()> {
        server.pause().await?;
        let search = |title| Ask { status: "200", ..ask(title) };
        stops.push(in_time(&self.a, search("GET /search  (at a, Redis is paused)")).await?);
        stops.push(in_time(&self.a, search("GET /search  (at a: counted here)")).await?);
        stops.push(in_time(&self.a, search("GET /search  (at a: counted here)")).await?);
        let spent = Ask {
            status: "429",
            says: r#""violated-policies":["searches"]"#,
            log: SPENT,
            ..ask("GET /search  (at a: a fourth)")
        };
        stops.push(in_time(&self.a, spent).await?);
        let closed = || Ask { body: Some("correct horse"), ..ask("POST /login  (at a)") };
        let refused =
            Ask { status: "503", log: ("rate_limit", "rate_limit_store_unavailable"), ..closed() };
        stops.push(in_time(&self.a, refused).await?);
        let seen_down =
            Ask { status: "200", says: r#""number":1"#, ..ask("GET /counted/outages  (at a)") };
        stops.push(self.a.send(seen_down).await?);

        server.go_on().await?;
        until(async || Ok(self.a.send(closed()).await?.status != "503")).await?;
        let remembered = Ask {
            status: "429",
            says: r#""violated-policies":["log-in"]"#,
            log: SPENT,
            ..ask("POST /login  (at a: Redis is back, and knows)")
        };
        stops.push(self.a.send(remembered).await?);
        until(async || Ok(seen(&self.b, "GET /left/quotes").await?["left"] == 0)).await?;
        let spent = Ask {
            status: "429",
            fields: vec![("ratelimit", r#""quotes";r=0"#)],
            ..ask("GET /quotes  (at b)")
        };
        self.at_b(stops, spent).await
    }
}

fn ask(title: &'static str) -> Ask {
    Ask { title, ..Ask::default() }
}

/// The answer's document.
async fn seen(caller: &Caller, title: &'static str) -> Result<Value> {
    Ok(serde_json::from_str(&caller.send(ask(title)).await?.saw).unwrap_or_default())
}

/// Nobody waits for Redis longer than the time-out; ten times as long makes it a failure.
async fn in_time(caller: &Caller, ask: Ask) -> Result<Stop> {
    let asked = Instant::now();
    let mut stop = caller.send(ask).await?;
    let took = asked.elapsed();
    stop.saw = format!("after {} ms: {}", took.as_millis(), stop.saw);
    if took > TIME_OUT * 10 {
        stop.status.push_str(" too late");
    }
    Ok(stop)
}

/// Asks until it is so, for 20 s at most.
async fn until(mut is_so: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..400 {
        if is_so().await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("waited for 20 s".into())
}
