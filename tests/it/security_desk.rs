//! Hostile neighbours: something that answers in Desk's place, over a raw connection. The token
//! goes to nobody without a certificate of Desk, and no answer keeps an invocation busy beyond its
//! time or its memory.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use desk_emulator::Setup;
use desk_handoff::desk::MAX_ANSWER;
use desk_handoff::names::setting;
use rustls::crypto::ring::default_provider;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, Stream,
};
use serde_json::json;

use crate::world::{World, handoff};

/// A listener on this machine, and its port.
fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// How much the first one was sent. Waits beside the runtime, which has to hang up first.
async fn heard(sent: Receiver<usize>) -> usize {
    tokio::task::spawn_blocking(move || sent.recv_timeout(Duration::from_secs(10)))
        .await
        .unwrap()
        .unwrap()
}

async fn world_at(base: &str) -> World {
    World::with_desk(Setup::default(), &[(setting::DESK_BASE_URL, base)]).await.without_queue()
}

/// Sends `head` and then `chunk` again and again to everybody, until they hang up. Gives what it
/// managed to send to one.
fn endless(head: &'static str, chunk: Vec<u8>, pause: Duration) -> (String, Receiver<usize>) {
    let (listener, port) = listener();
    let (report, reported) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, chunk, report) = (stream.unwrap(), chunk.clone(), report.clone());
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let mut sent = 0;
                let mut go_on = stream.write_all(head.as_bytes()).is_ok();
                while go_on {
                    sent += chunk.len();
                    go_on = stream.write_all(&chunk).is_ok();
                    std::thread::park_timeout(pause);
                }
                let _ = report.send(sent);
            });
        }
    });

    (format!("http://127.0.0.1:{port}"), reported)
}

#[tokio::test]
async fn endless_answer_is_cut_by_size() {
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let (base, sent) = endless(head, chunk, Duration::ZERO);
    let world = world_at(&base).await;
    world.hand_over(json!({"order-id": "1"})).await.is(502, "desk-unavailable");
    let sent = heard(sent).await;
    // What lies in the two machines' buffers is beyond our saying.
    assert!(sent < MAX_ANSWER + 16 * 1024 * 1024, "{sent}");
}

#[tokio::test]
async fn headers_without_end_are_cut_off_by_their_size() {
    let (base, sent) = endless(
        "HTTP/1.1 200 OK\r\n",
        b"x-more: 0123456789abcdef\r\n".repeat(1_000),
        Duration::ZERO,
    );
    let world = world_at(&base).await;
    world.hand_over(json!({"order-id": "1"})).await.is(502, "desk-unavailable");
    assert!(heard(sent).await < 16 * 1024 * 1024);
}

#[tokio::test]
async fn dripping_answer_is_cut_by_time() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
    let (base, _) = endless(head, b" ".to_vec(), Duration::from_millis(20));
    let mut world = world_at(&base).await;
    world.time = Duration::from_millis(700);
    let began = Instant::now();
    world.hand_over(json!({"order-id": "1"})).await.is(504, "desk-timeout");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_packed_answer_is_not_unpacked() {
    // Where every look-up is answered with an empty page a preview has all that it asks for.
    let page = br#"{"count":0,"results":[]}"#;
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 24\r\nconnection: close\r\n\r\n";
    let (base, _) = endless(head, page.to_vec(), Duration::ZERO);
    let body = handoff(json!({"order-id": "1"}));
    world_at(&base).await.post("/handoffs/preview", &body).await.is(200, "preview");
    // The same page by gzip.
    let packed = [
        &[
            0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xab, 0x56, 0x4a, 0xce, 0x2f, 0xcd, 0x2b, 0x51,
            0xb2, 0x32, 0xd0, 0x51,
        ][..],
        &[
            0x2a, 0x4a, 0x2d, 0x2e, 0xcd, 0x29, 0x29, 0x56, 0xb2, 0x8a, 0x8e, 0xad, 5, 0, 6, 0x87,
            0xbe, 0xd2, 24, 0, 0, 0,
        ],
    ]
    .concat();

    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 44\r\nconnection: close\r\n\r\n";
    let (base, _) = endless(head, packed, Duration::ZERO);
    world_at(&base).await.post("/handoffs/preview", &body).await.is(502, "desk-unavailable");
}

/// A TLS server for `localhost` that says what the first one who got through its handshake sent,
/// and its certificate.
fn self_signed()
-> (u16, rustls::pki_types::CertificateDer<'static>, JoinHandle<Result<Vec<u8>, String>>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let certificate = made.cert.der().clone();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();

    let (listener, port) = listener();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().map_err(|error| error.to_string())?;
        let mut connection =
            ServerConnection::new(Arc::new(config)).map_err(|error| error.to_string())?;
        let mut read = [0; 4096];
        let length = Stream::new(&mut connection, &mut stream)
            .read(&mut read)
            .map_err(|error| error.to_string())?;
        Ok(read[..length].to_vec())
    });

    (port, certificate, served)
}

#[tokio::test]
async fn self_signed_desk_gets_no_request() {
    let (port, _, served) = self_signed();
    let mut world = world_at(&format!("https://localhost:{port}")).await;
    world.time = Duration::from_millis(900);
    let answer = world.hand_over(json!({"order-id": "1"})).await;
    assert!(answer.status.is_server_error() && answer.body["desk_status"].is_null(), "{answer:#?}");
    let heard = served.join().unwrap();

    assert!(
        heard
            .as_ref()
            .is_err_and(|error| error.contains("UnknownCA") || error.contains("UnknownIssuer")),
        "{heard:?}"
    );
}

#[test]
fn that_server_is_sound_for_whoever_trusts_its_certificate() {
    let (port, certificate, served) = self_signed();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();

    let mut connection =
        ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut stream = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    Stream::new(&mut connection, &mut stream).write_all(b"hello").unwrap();
    assert_eq!(served.join().unwrap(), Ok(b"hello".to_vec()));
}
