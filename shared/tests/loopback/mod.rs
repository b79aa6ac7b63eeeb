//! An HTTP server on a loopback port. The test gives each of its answers, also silence.

// Compiled into each test binary, none of which uses all of it.
#![allow(dead_code)]

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// What the server does with a request.
pub enum Reply {
    /// Status, further headers, body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// A whole head, and only so much of the body as is given before the connection is closed.
    Torn(String),
    /// Nothing, with the connection left open.
    Silence,
    /// The connection is closed.
    Close,
}

impl Reply {
    pub fn status(status: u16, body: &str) -> Self {
        Self::Answer(status, Vec::new(), body.to_owned())
    }
}

pub struct Loopback {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    server: JoinHandle<()>,
}

impl Loopback {
    pub async fn start(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let server = tokio::spawn(serve(listener, Arc::new(reply), requests.clone()));
        Self { url, requests, server }
    }

    /// All requests that came so far, in their order.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(
    listener: TcpListener,
    reply: Arc<dyn Fn(&Request) -> Reply + Send + Sync>,
    requests: Arc<Mutex<Vec<Request>>>,
) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (reply, requests) = (reply.clone(), requests.clone());
        connections.spawn(async move {
            let mut stream = BufReader::new(stream);
            if let Some(request) = read_request(&mut stream).await {
                requests.lock().unwrap().push(request.clone());
                answer(stream, reply(&request)).await;
            }
        });
    }
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { method, path, headers, body: Vec::new() };
    let length = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    request.body = vec![0; length];
    stream.read_exact(&mut request.body).await.ok()?;
    Some(request)
}

async fn answer(mut stream: BufReader<TcpStream>, reply: Reply) {
    let text = match reply {
        Reply::Answer(status, headers, body) => {
            let headers: String = headers.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
            let length = body.len();
            format!(
                "HTTP/1.1 {status} x\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
        }
        Reply::Torn(body) => format!("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n{body}"),
        Reply::Silence => std::future::pending().await,
        Reply::Close => return,
    };
    // A client that has gone already is no failure of the server's.
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}
