//! An instance in a process of its own: this program, started again.

use std::env;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::process::{ExitCode, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::app::{App, Settings};

pub(crate) const FLAG: &str = "--instance";

const URL: &str = "RATE_LIMIT_REDIS_INSTANCE_URL";
const PREFIX: &str = "RATE_LIMIT_REDIS_INSTANCE_PREFIX";
const LEASE: &str = "RATE_LIMIT_REDIS_INSTANCE_LEASE";

/// Serves until standard input ends, as it does when the process ends that started this one.
pub(crate) async fn serve() -> Result<ExitCode, Box<dyn Error>> {
    let settings = Settings {
        url: env::var(URL)?,
        prefix: env::var(PREFIX)?,
        lease: env::var_os(LEASE).is_some(),
    };
    let service = App::new(&settings)?.service()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    tokio::spawn(axum::serve(listener, service.into_make_service()).into_future());
    tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    Ok(ExitCode::SUCCESS)
}

/// One that runs. Its process ends with this value.
pub(crate) struct Instance {
    _process: Child,
    pub(crate) address: SocketAddr,
}

impl Instance {
    pub(crate) async fn start(settings: &Settings) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(FLAG).env(URL, &settings.url).env(PREFIX, &settings.prefix);
        if settings.lease {
            command.env(LEASE, "1");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn()?;
        let mut line = String::new();
        let printed = process.stdout.take().ok_or("has no standard output")?;
        BufReader::new(printed).read_line(&mut line).await?;
        Ok(Self { _process: process, address: line.trim().parse()? })
    }
}
