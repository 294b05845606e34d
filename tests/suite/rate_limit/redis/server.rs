//! Redis servers that a test starts, kills and stops. Unit tests include this file too.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A server with a folder of its own. Both end with this value.
pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    program: &'static str,
    arguments: Vec<String>,
    port: u16,
}

impl Server {
    /// One that listens on a socket in its folder and nowhere else.
    pub(crate) fn start(settings: &[&str]) -> Self {
        Self::in_folder(folder(), 0, settings)
    }

    /// One that listens on a port of 127.0.0.1 too.
    pub(crate) fn listening(settings: &[&str]) -> Self {
        Self::in_folder(folder(), free_port(), settings)
    }

    /// One in this folder, which may hold files that the settings name.
    pub(crate) fn in_folder(folder: PathBuf, port: u16, settings: &[&str]) -> Self {
        let socket = folder.join("socket");
        let socket = socket.to_str().unwrap();
        let port_text = port.to_string();
        let own = ["--port", &port_text, "--bind", "127.0.0.1", "--unixsocket", socket];
        let volatile = ["--save", "", "--appendonly", "no"];
        let arguments = own.iter().chain(&volatile).chain(settings).map(|&it| it.to_owned());
        Self::run("redis-server", folder, port, arguments.collect())
    }

    /// A sentinel with these lines in its file, into which it writes.
    pub(crate) fn sentinel(port: u16, lines: &str) -> Self {
        let folder = folder();
        let socket = folder.join("socket");
        let own = format!("port {port}\nbind 127.0.0.1\nunixsocket {}\n", socket.display());
        std::fs::write(folder.join("sentinel.conf"), own + lines).unwrap();
        Self::run("redis-sentinel", folder, port, vec!["sentinel.conf".to_owned()])
    }

    fn run(program: &'static str, folder: PathBuf, port: u16, arguments: Vec<String>) -> Self {
        let child = Self::child(program, &folder, &arguments);
        let mut server = Self { child, folder, program, arguments, port };
        server.wait();
        server
    }

    fn child(program: &str, folder: &Path, arguments: &[String]) -> Child {
        let _ = std::fs::remove_file(folder.join("socket")); // one that was killed leaves it behind
        Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server and redis-sentinel are installed by tests/run")
    }

    /// Until it answers.
    fn wait(&mut self) {
        while self.try_ask::<redis::Value>(&["PING"]).is_err_and(|error| error.code().is_none()) {
            assert!(self.child.try_wait().unwrap().is_none(), "the server has ended");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.folder.join("socket").display())
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn try_ask<T: redis::FromRedisValue>(
        &self,
        words: &[&str],
    ) -> redis::RedisResult<T> {
        let mut connection = redis::Client::open(self.url())?.get_connection()?;
        let password = self.arguments.iter().position(|argument| argument == "--requirepass");
        if let Some(at) = password {
            redis::cmd("AUTH").arg(&self.arguments[at + 1]).exec(&mut connection)?;
        }
        let mut command = redis::Cmd::new();
        words.iter().for_each(|word| {
            command.arg(word);
        });
        command.query(&mut connection)
    }

    /// Sends a command and returns the answer.
    pub(crate) fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_ask(words).unwrap()
    }

    /// How often a command was called.
    pub(crate) fn calls(&self, command: &str) -> u64 {
        let text: String = self.ask(&["INFO", "commandstats"]);
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:")));
        line.map_or(0, |line| {
            let calls = line.split(['=', ',']).nth(1).unwrap();
            calls.parse().unwrap()
        })
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn restart(&mut self) {
        self.child = Self::child(self.program, &self.folder, &self.arguments);
        self.wait();
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A new folder. The path of a socket in it is short enough for one.
pub(crate) fn folder() -> PathBuf {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("warden-redis-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A port that nobody has at the moment, also not one 10,000 above it, where a cluster's servers talk.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if port < 55_000 && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
            return port;
        }
    }
}
