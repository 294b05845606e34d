//! TLS, Sentinel and Cluster.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::server::{folder, free_port};
use super::*;

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q13_tls_is_checked_against_the_authority_that_was_given() {
    let authority = || {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        (Issuer::new(params, key), pem)
    };
    let ((issuer, root), (_, other_root)) = (authority(), authority());
    let certificate = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
    };
    let serve = |name: &str| {
        let (folder, port) = (folder(), free_port().to_string());
        let (certificate, key) = certificate(name);
        std::fs::write(folder.join("certificate"), certificate).unwrap();
        std::fs::write(folder.join("key"), key).unwrap();
        std::fs::write(folder.join("root"), &root).unwrap();
        let settings = [
            "--tls-port",
            &port,
            "--tls-cert-file",
            "certificate",
            "--tls-key-file",
            "key",
            "--tls-ca-cert-file",
            "root",
            "--tls-auth-clients",
            "no",
        ];
        (Server::in_folder(folder, 0, &settings), port)
    };
    let (server, port) = serve("127.0.0.1");
    server.ask::<()>(&["ACL", "SETUSER", "default", "on", "resetpass", ">hunter2"]);
    let store = |root: &str| {
        let url = format!("rediss://:hunter2@127.0.0.1:{port}/");
        by_address(FIVE, patient(RedisStore::builder(url).root_certificates(root)))
    };
    assert_eq!(admitted(&statuses(&store(&root), 10).await), 5);
    assert_eq!(status(&store(&other_root), "192.0.2.2").await, 503);
    let unknown = RedisStore::builder(format!("rediss://:hunter2@127.0.0.1:{port}/"));
    assert_eq!(status(&by_address(FIVE, patient(unknown)), "192.0.2.2").await, 503, "the system's");

    let (_server, port) = serve("other.test");
    let misnamed = RedisStore::builder(format!("rediss://127.0.0.1:{port}/"));
    let misnamed = by_address(FIVE, patient(misnamed.root_certificates(&*root)));
    assert_eq!(status(&misnamed, "192.0.2.2").await, 503, "of another name");
}

#[tokio::test]
#[ignore = "needs redis-sentinel: tests/run installs it"]
async fn q13_when_a_primary_dies_its_replica_goes_on_counting() {
    let login = ["--requirepass", "hunter2", "--masterauth", "hunter2"];
    let mut primary = Server::listening(&login);
    let port = primary.port().to_string();
    let replica =
        [&login[..], &["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"]];
    let replica = Server::listening(&replica.concat());
    let sentinel_port = free_port();
    let watch = format!(
        "sentinel monitor main 127.0.0.1 {port} 1\n\
        sentinel auth-pass main hunter2\nsentinel down-after-milliseconds main 300\n\
        sentinel failover-timeout main 3000\n"
    );
    let sentinel = Server::sentinel(sentinel_port, &watch);
    let follows = async {
        while !sentinel.ask::<String>(&["INFO", "sentinel"]).contains("slaves=1") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), follows).await.expect("the replica is found");

    let dead = format!("redis://127.0.0.1:{}", free_port());
    let store = RedisStore::sentinel("main", [dead, format!("redis://127.0.0.1:{sentinel_port}")]);
    let store = store.login("default", "hunter2").timeout(Duration::from_secs(2));
    let layer = by_address(Quota::per_day(8), store.build().unwrap());
    assert_eq!(admitted(&statuses(&layer, 7).await), 7);
    primary.ask::<()>(&["WAIT", "1", "10000"]);
    primary.kill();
    until(&layer, "192.0.2.1", 200).await;
    assert_eq!(status(&layer, "192.0.2.1").await, 429, "the replica had heard of the others");
    drop(replica);
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn q13_a_cluster_counts_each_key_on_the_server_that_has_it() {
    let settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
    let servers = [(); 3].map(|()| Server::listening(&settings));
    for (server, (first, last)) in servers.iter().zip([(0, 5460), (5461, 10922), (10923, 16383)]) {
        server.ask::<()>(&["CLUSTER", "ADDSLOTSRANGE", &format!("{first}"), &format!("{last}")]);
        server.ask::<()>(&["CLUSTER", "MEET", "127.0.0.1", &servers[0].port().to_string()]);
    }
    let agree = async {
        let agrees = |server: &Server| {
            let info: String = server.ask(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        };
        while !servers.iter().all(agrees) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), agree).await.expect("a cluster");

    for server in &servers {
        let user = ["ACL", "SETUSER", "limiter", "on", ">secret", "~*", "+evalsha", "+eval"];
        let rights = ["+time", "+get", "+set", "+cluster|slots"];
        server.ask::<()>(&[&user[..], &rights].concat());
    }
    let urls = servers.each_ref().map(|server| format!("redis://127.0.0.1:{}", server.port()));
    let [one, two] = [&urls[..], &urls[..1]].map(|urls| {
        let store = patient(RedisStore::cluster(urls).login("limiter", "secret"));
        let layer = RateLimitLayer::by_address("address", FIVE).store(store);
        layer.limit(Limit::by_address("daily", Quota::per_day(1000))).build().unwrap()
    });
    for number in 0..30 {
        let address = format!("192.0.2.{number}");
        let answers = (0..4).flat_map(|_| [status(&one, &address), status(&two, &address)]);
        assert_eq!(admitted(&join_all(answers).await), 5);
    }
    for server in &servers {
        assert!(server.ask::<u64>(&["DBSIZE"]) > 0, "each has some of the buckets");
        server.ask::<()>(&["SCRIPT", "FLUSH"]);
    }
    for number in 0..30 {
        assert_eq!(status(&one, &format!("192.0.2.{number}")).await, 429);
    }
    let one_slot = patient(RedisStore::cluster(&urls[..]).prefix("together").one_slot());
    let layer = RateLimitLayer::builder().store(one_slot);
    let keys = [64, 48]
        .map(|bits| Limit::new(format!("{bits}"), Key::address_with_ipv6_prefix(bits), FIVE));
    let layer = keys.into_iter().fold(layer, RateLimitBuilder::limit).build().unwrap();
    assert_eq!(admitted(&statuses(&layer, 10).await), 5);
}
