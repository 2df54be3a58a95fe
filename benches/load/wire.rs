//! The load: clients that keep their connection and ask again as soon as they are answered, or at a steady pace.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What asks: writes the next request, whole, into the buffer.
pub type Ask = Arc<dyn Fn(&mut Random, &mut Vec<u8>) + Send + Sync>;

/// What came of a load.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Answers a second.
    pub rate: f64,
    /// Latencies in microseconds.
    pub latency: Histogram<u64>,
    /// Answers that were not a success.
    pub failures: u64,
}

impl Figures {
    /// The latency that this share of requests does not exceed, in milliseconds.
    pub fn ms(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1_000.0
    }
}

/// How hard to ask.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub connections: usize,
    pub lasts: Duration,
    /// Requests a second in all; `None` for as many as are answered. With a pace, latency counts from the time at which the
    /// request was due, so that a stall is seen by all that were due in it.
    pub pace: Option<f64>,
}

/// Before anything is counted.
const WARM_UP: Duration = Duration::from_millis(500);
/// What generates the load shares the machine with what bears it.
const THREADS: usize = 2;

/// Asks a server for a while.
pub fn load(address: &str, load: Load, ask: &Ask) -> Figures {
    let (connections, threads) = (load.connections, THREADS.min(load.connections));
    let begins = Instant::now() + WARM_UP;
    let parts: Vec<_> = (0..threads)
        .map(|part| {
            let (address, ask) = (address.to_owned(), ask.clone());
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let own = (part..connections).step_by(threads);
                    let clients: Vec<_> = own
                        .map(|number| tokio::spawn(client(address.clone(), number, begins, load, ask.clone())))
                        .collect();
                    let mut of_part = (histogram(), 0);
                    for client in clients {
                        let (latency, failures) = client.await.unwrap();
                        of_part.0.add(&latency).unwrap();
                        of_part.1 += failures;
                    }
                    of_part
                })
            })
        })
        .collect();
    let mut figures = Figures { rate: 0.0, latency: histogram(), failures: 0 };
    for part in parts {
        let (latency, failures) = part.join().unwrap();
        figures.latency.add(&latency).unwrap();
        figures.failures += failures;
    }
    figures.rate = figures.latency.len() as f64 / load.lasts.as_secs_f64();
    figures
}

/// Asks on and on until it is told to stop, and throws the answers away.
pub fn flood(address: &str, connections: usize, stop: Arc<AtomicBool>, ask: Ask) -> thread::JoinHandle<()> {
    let address = address.to_owned();
    thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            load(&address, Load { connections, lasts: Duration::from_millis(500), pace: None }, &ask);
        }
    })
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).unwrap()
}

async fn client(address: String, number: usize, begins: Instant, load: Load, ask: Ask) -> (Histogram<u64>, u64) {
    let mut random = Random::new(number as u64 ^ Instant::now().elapsed().as_nanos() as u64 ^ fresh());
    let (mut latency, mut failures) = (histogram(), 0);
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut request, mut answer) = (Vec::with_capacity(1024), vec![0; 256 * 1024]);
    let interval = load.pace.map(|pace| Duration::from_secs_f64(load.connections as f64 / pace));
    let mut due = Instant::now() + interval.map_or(Duration::ZERO, |each| each.mul_f64(random.fraction()));
    let ends = begins + load.lasts;
    loop {
        let mut asked = Instant::now();
        if let Some(interval) = interval {
            tokio::time::sleep_until(due.into()).await;
            asked = due;
            due += interval;
        }
        if asked >= ends {
            return (latency, failures);
        }
        request.clear();
        ask(&mut random, &mut request);
        stream.write_all(&request).await.unwrap();
        let success = read(&mut stream, &mut answer).await;
        let answered = Instant::now();
        if asked >= begins && answered < ends.max(asked + load.lasts) {
            latency.saturating_record((answered - asked).as_micros() as u64);
            failures += u64::from(!success);
        }
    }
}

/// Reads one answer to its end; gives whether it was a success.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> bool {
    let (mut filled, mut whole) = (0, None);
    while whole.is_none_or(|whole| filled < whole) {
        if filled == buffer.len() {
            buffer.resize(2 * filled, 0);
        }
        let read = stream.read(&mut buffer[filled..]).await.unwrap();
        assert!(read > 0, "the server closed a connection");
        filled += read;
        whole = whole.or_else(|| len(&buffer[..filled]));
    }
    buffer.starts_with(b"HTTP/1.1 2")
}

/// How long an answer is with its head, once the head is there.
fn len(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&answer[..head]).unwrap();
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    Some(head + 4 + length.expect("an answer with a length"))
}

fn fresh() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

/// Marsaglia's xorshift: quick, and good enough to pick customers.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
