//! The same work by native tokio tasks, with as many worker threads as the daemon has.

use std::future::Future;
use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};

use crate::protocol::Summary;
use crate::subprocess::resident_bytes;

/// Messages that wait for one task; as many as the node's mailboxes hold.
const QUEUE_MAX: usize = 1_024;

struct Request {
    body: Vec<u8>,
    answer: oneshot::Sender<Vec<u8>>,
}

fn runtime() -> Result<Runtime> {
    Builder::new_multi_thread().enable_all().build().context("starting worker threads")
}

/// Runs a task on the worker threads, not on the caller's.
fn run<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Result<T> {
    let runtime = runtime()?;
    runtime.block_on(runtime.spawn(task)).context("a native task")
}

fn echo() -> mpsc::Sender<Request> {
    let (sender, mut requests) = mpsc::channel::<Request>(QUEUE_MAX);
    tokio::spawn(async move {
        while let Some(Request { body, answer }) = requests.recv().await {
            // Whoever asked and went away needs no answer.
            drop(answer.send(body.as_slice().to_vec()));
        }
    });
    sender
}

async fn ask(echo: &mpsc::Sender<Request>, body: &[u8]) -> usize {
    let (answer, answered) = oneshot::channel();
    let sent = echo.send(Request { body: body.to_vec(), answer }).await;
    debug_assert!(sent.is_ok(), "an echo ends only with its last sender");
    answered.await.map_or(0, |body| body.len())
}

/// Times batches of round trips.
pub(crate) fn round_trips(body_bytes: usize, batches: usize, per_batch: usize) -> Result<Summary> {
    run(async move {
        let (echo, body) = (echo(), vec![7; body_bytes]);
        let mut samples = Vec::with_capacity(batches);
        for _ in 0..batches {
            let start = Instant::now();
            for _ in 0..per_batch {
                black_box(ask(&echo, &body).await);
            }
            samples.push(start.elapsed().as_nanos() as f64 / per_batch as f64);
        }
        Summary::of(samples)
    })
}

/// Nanoseconds for `count` requests with `window` of them on the way. Answers come back over one queue.
pub(crate) fn pipelined(body_bytes: usize, window: usize, count: usize) -> Result<f64> {
    run(async move {
        let (requests, mut asked) = mpsc::channel::<Vec<u8>>(QUEUE_MAX);
        let (answers, mut answered) = mpsc::channel::<Vec<u8>>(QUEUE_MAX);
        tokio::spawn(async move {
            while let Some(body) = asked.recv().await {
                if answers.send(body.as_slice().to_vec()).await.is_err() {
                    return;
                }
            }
        });
        let body = vec![7; body_bytes];
        let first = window.min(count);
        let start = Instant::now();
        for sent in 0..count + first {
            if sent >= first {
                black_box(answered.recv().await);
            }
            if sent < count && requests.send(body.clone()).await.is_err() {
                break;
            }
        }
        start.elapsed().as_nanos() as f64
    })
}

/// Nanoseconds until all pairs have done their round trips.
pub(crate) fn pairs(pairs: usize, body_bytes: usize, per_pair: usize) -> Result<f64> {
    run(async move {
        let (go, _) = tokio::sync::broadcast::channel::<()>(1);
        let drivers: Vec<_> = (0..pairs)
            .map(|_| {
                let (echo, mut started) = (echo(), go.subscribe());
                tokio::spawn(async move {
                    let body = vec![7; body_bytes];
                    let started = started.recv().await;
                    for _ in 0..per_pair {
                        black_box(ask(&echo, &body).await);
                    }
                    started.is_ok()
                })
            })
            .collect();
        let start = Instant::now();
        drop(go.send(()));
        for driver in drivers {
            if !driver.await.unwrap_or(false) {
                return f64::NAN;
            }
        }
        start.elapsed().as_nanos() as f64
    })
}

/// Times starts of tasks, each until its hello is here.
pub(crate) fn starts(count: usize) -> Result<Summary> {
    run(async move {
        let mut samples = Vec::with_capacity(count);
        for _ in 0..count {
            let start = Instant::now();
            let (hello, heard) = oneshot::channel();
            tokio::spawn(async move { hello.send(()) });
            black_box(heard.await.is_ok());
            samples.push(start.elapsed().as_nanos() as f64);
        }
        Summary::of(samples)
    })
}

/// Prints the resident bytes of one task that waits for a message.
pub(crate) fn print_idle_task_bytes(count: usize) -> Result<()> {
    if count == 0 {
        bail!("the memory of no tasks cannot be told");
    }
    let bytes = run(async move {
        let before = resident_bytes("self");
        let echoes: Vec<_> = (0..count).map(|_| echo()).collect();
        // Every task has run once when each has answered once.
        for echo in &echoes {
            ask(echo, &[]).await;
        }
        let after = resident_bytes("self");
        drop(echoes);
        anyhow::Ok((after? - before?) / count as f64)
    })??;
    println!("{bytes}");
    Ok(())
}
