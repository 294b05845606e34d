//! A tour: requests sent over a real socket, each with what must come of it, printed as a table.

use std::collections::HashMap;
use std::fmt;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// What the log kept of refused requests, by correlation id.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<HashMap<String, Entry>>>);

/// What one line of the log said.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) control: String,
    pub(crate) reason: String,
}

impl Log {
    /// Starts to listen to everything that is logged.
    pub(crate) fn listen() -> Self {
        let log = Self::default();
        tracing_subscriber::registry().with(log.clone()).init();
        log
    }

    /// The entry of one request; empty when nothing was logged about it.
    pub(crate) fn entry(&self, correlation_id: &str) -> Entry {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(correlation_id)
            .cloned()
            .unwrap_or_default()
    }
}

impl<S: tracing::Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &tracing::Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let field = |name: &str| fields.0.get(name).cloned().unwrap_or_default();
        let entry = Entry { control: field("control"), reason: field("reason") };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(field("correlation_id"), entry);
    }
}

#[derive(Default)]
struct Fields(HashMap<String, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

/// One stop of the tour: what was asked, what came back, what should have.
pub(crate) struct Stop {
    pub(crate) request: &'static str,
    pub(crate) status: String,
    pub(crate) expected_status: &'static str,
    pub(crate) saw: String,
    pub(crate) log: Entry,
    pub(crate) expected_log: (&'static str, &'static str),
}

impl Stop {
    fn is_as_expected(&self) -> bool {
        let (control, reason) = self.expected_log;
        self.status == self.expected_status
            && self.log.control == control
            && self.log.reason == reason
    }
}

/// Prints the table; fails when a stop is not as it should be.
pub(crate) fn report(stops: &[Stop]) -> ExitCode {
    // An HTTP status is a number, a gRPC status a number and a name.
    let widest = |least: usize, text: fn(&Stop) -> &str| {
        stops.iter().map(|stop| text(stop).len()).fold(least, usize::max)
    };
    let width = widest("status".len(), |stop| &stop.status);
    let (asked, seen) = (widest(34, |stop| stop.request), widest(48, |stop| &stop.saw));
    let row = |request: &str, control: &str, status: &str, saw: &str, reason: &str| {
        println!("{request:<asked$} | {control:<17} | {status:<width$} | {saw:<seen$} | {reason}");
    };
    row("request", "answered by", "status", "what the caller saw", "what the log kept");
    println!("{}", "-".repeat(63 + asked + width + seen));
    let mut wrong = 0;
    for stop in stops {
        let answered_by = if stop.log.control.is_empty() { "handler" } else { &stop.log.control };
        row(stop.request, answered_by, &stop.status, &stop.saw, &stop.log.reason);
        if !stop.is_as_expected() {
            wrong += 1;
            let (control, reason) = stop.expected_log;
            println!("   ^ should have been: {} {control} {reason}", stop.expected_status);
        }
    }
    println!("\n{} of {} as they should be", stops.len() - wrong, stops.len());
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
