//! The connection to the server: made when it is first needed, shared by all, and made anew when it is lost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use super::servers::Servers;
use crate::rate_limit::store::StoreError;

/// How long a server that could not be reached is left alone: what is asked meanwhile fails at once.
const PAUSE: Duration = Duration::from_millis(100);

/// How many answers in a row may be late before the connection is given up: its other end may be gone without a word.
const LATE_ANSWERS: u32 = 8;

pub(super) struct Link {
    servers: Arc<Servers>,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    attempt: Option<Attempt>,
    begun: Option<Instant>,
    /// Tells a new connection from the one that was lost.
    number: u64,
    late: u32,
}

type Attempt = Shared<BoxFuture<'static, Result<Connection, StoreError>>>;

#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    pub(super) fn new(servers: Servers, patience: Duration) -> Self {
        Self { servers: Arc::new(servers), patience, state: Mutex::default() }
    }

    /// Runs a command, which is answered in time or fails; the second, where the server does not know the script of
    /// the first.
    pub(super) async fn run(
        &self,
        command: Cmd,
        otherwise: impl FnOnce() -> Cmd,
    ) -> Result<Vec<u64>, StoreError> {
        let answer = timeout(self.patience, async {
            let (number, attempt) = self.attempt()?;
            let mut connection = attempt.await?;
            let mut answer = connection.query(&command).await;
            if matches!(&answer, Err(error) if is_unknown_script(error)) {
                answer = connection.query(&otherwise()).await;
            }
            self.note(number, &answer);
            answer.map_err(|error| StoreError(error.to_string().into()))
        });
        answer.await.unwrap_or_else(|_late| {
            self.note_late();
            Err(StoreError("no answer from the Redis server in time".into()))
        })
    }

    /// The connection there is, or the attempt to have one that is under way.
    fn attempt(&self) -> Result<(u64, Attempt), StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let resting = state.begun.is_some_and(|begun| begun.elapsed() < PAUSE);
        if let Some(attempt) = &state.attempt
            && (resting || !matches!(attempt.peek(), Some(Err(_))))
        {
            return Ok((state.number, attempt.clone()));
        }
        if resting {
            return Err(StoreError("the connection to the Redis server was lost".into()));
        }
        let runtime = Handle::try_current()
            .map_err(|_| StoreError("the Redis store needs a tokio runtime".into()))?;
        let servers = Arc::clone(&self.servers);
        // A task of its own: it goes on when the request that began it is given up.
        let task = runtime.spawn(async move { servers.connect().await });
        let attempt = async move {
            match task.await {
                Ok(Ok(connection)) => Ok(connection),
                Ok(Err(error)) => Err(StoreError(error.to_string().into())),
                Err(_) => Err(StoreError("the attempt to connect to Redis was stopped".into())),
            }
        };
        let attempt = attempt.boxed().shared();
        state.attempt = Some(attempt.clone());
        state.begun = Some(Instant::now());
        state.number += 1;
        state.late = 0;
        Ok((state.number, attempt))
    }

    fn note(&self, number: u64, answer: &RedisResult<Vec<u64>>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.number != number {
            return;
        }
        state.late = 0;
        if matches!(answer, Err(error) if is_lost(error)) {
            state.attempt = None;
        }
    }

    fn note_late(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.late += 1;
        if state.late >= LATE_ANSWERS
            && matches!(state.attempt.as_ref().map(Shared::peek), Some(Some(Ok(_))))
        {
            state.attempt = None;
        }
    }
}

impl Connection {
    async fn query(&mut self, command: &Cmd) -> RedisResult<Vec<u64>> {
        match self {
            Self::One(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// Whether another connection may do better: this one has ended, or leads to a server that is no primary any more.
fn is_lost(error: &RedisError) -> bool {
    let demoted = [ServerErrorKind::ReadOnly, ServerErrorKind::MasterDown].map(ErrorKind::Server);
    error.is_io_error() || error.is_unrecoverable_error() || demoted.contains(&error.kind())
}
