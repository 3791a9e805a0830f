//! Serves calls: one thread reads at a time, and runs the call that it has read.
//!
//! To hand each call to another thread costs as much as all the rest. So the reader runs the call itself, and a watcher that looks once a
//! millisecond gives the reading to another thread when a call takes longer: for CANCEL, and for other calls. The watcher sleeps when no call comes.

use crate::call::{Call, Failure, Flight};
use crate::frames::{self, Frame, Reader, Writer};
use crate::{json, Value};
use std::collections::HashMap;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, Thread};
use std::time::Duration;

/// What the macros make of a handler.
pub type Answering = Box<dyn Fn(&Call) -> Result<(), Failure> + Send + Sync>;

/// LOAD's meta.
pub struct Plan {
    pub function: String,
    pub env: HashMap<String, String>,
    pub credit: usize,
    pub max_frame: usize,
    concurrency: u64,
}

pub struct Worker {
    pub plan: Plan,
    pub out: Writer,
    pub asks: AtomicU64, // made so far
    answering: Answering,
    incoming: Mutex<Incoming>, // held by the thread that reads
    flights: Mutex<HashMap<u32, Arc<Flight>>>,
    landed: Condvar,     // the last flight, when `ending`
    ending: AtomicBool, // changed with `flights` locked
    lent: AtomicU64, // the number of the call whose thread would read on, or 0
    watcher: Mutex<Option<Thread>>,
    asleep: AtomicBool, // the watcher is
    spare: Mutex<Spare>,
    wanted: Condvar,
}

struct Incoming {
    reader: Reader,
    unfinished: HashMap<u32, Unfinished>, // calls whose bodies are not whole
    calls: u64,
}

struct Unfinished {
    meta: Vec<u8>,
    body: Vec<u8>,
}

/// Threads that have run their call while another one took over the reading.
struct Spare {
    waiting: usize,
    wanted: usize,
}

const SPARE_MOST: usize = 16;
const TICKS_BEFORE_SLEEP: u32 = 20;

pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Answers calls until the host says that it is enough. `load` makes the handler ready, once the environment is set.
pub fn serve(load: impl FnOnce() -> Answering) -> ! {
    frames::keep_to_ourselves();
    crate::panics::listen();
    let (out, mut reader) = (Writer::new(), Reader::new());
    let hello = json!({"protocol": 1, "runtime": "rust", "version": option_env!("TRIVET_TOOLCHAIN").unwrap_or("0"), "concurrency": 0, "features": ["cancel", "stream"]});
    out.write(frames::HELLO, 0, hello.to_string().as_bytes(), &[], false);
    let plan = loop {
        match reader.next() {
            None => std::process::exit(0),
            Some(frame) if frame.kind == frames::LOAD => break plan(&frame.meta),
            Some(frame) if frame.kind == frames::PING => out.write(frames::PONG, 0, &[], &frame.body, false),
            Some(_) => {}
        }
    };
    for (name, value) in &plan.env {
        std::env::set_var(name, value);
    }
    let answering = match catch_unwind(AssertUnwindSafe(load)) {
        Ok(answering) => answering,
        Err(_) => {
            let said = crate::panics::last();
            let meta = json!({"code": "LOAD_FAILED", "message": said.message, "stack": said.stack});
            out.write(frames::ERROR, 0, meta.to_string().as_bytes(), &[], false);
            std::process::exit(1);
        }
    };
    out.write(frames::READY, 0, &[], &[], false);
    let worker = Arc::new(Worker {
        plan,
        out,
        asks: AtomicU64::new(0),
        answering,
        incoming: Mutex::new(Incoming { reader, unfinished: HashMap::new(), calls: 0 }),
        flights: Mutex::new(HashMap::new()),
        landed: Condvar::new(),
        ending: AtomicBool::new(false),
        lent: AtomicU64::new(0),
        watcher: Mutex::new(None),
        asleep: AtomicBool::new(true),
        spare: Mutex::new(Spare { waiting: 0, wanted: 0 }),
        wanted: Condvar::new(),
    });
    worker.work();
    loop {
        thread::park(); // others serve, and one of them ends the process
    }
}

fn plan(meta: &[u8]) -> Plan {
    let told = Value::parse(meta).unwrap_or(Value::Null);
    let number = |name: &str| told[name].as_u64().unwrap_or(0);
    let env = told["env"].as_object().map(|map| map.iter().map(|(name, value)| (name.to_string(), value.as_str().unwrap_or("").to_string())).collect());
    Plan {
        function: told["function"].as_str().unwrap_or("").to_string(),
        env: env.unwrap_or_default(),
        credit: number("credit") as usize,
        max_frame: number("max_frame") as usize,
        concurrency: number("concurrency"),
    }
}

impl Worker {
    /// A thread's life: read and run, wait while others read, read again.
    fn work(self: &Arc<Self>) {
        loop {
            self.read_and_run();
            let mut spare = locked(&self.spare);
            if spare.waiting >= SPARE_MOST {
                return;
            }
            spare.waiting += 1;
            while spare.wanted == 0 {
                spare = self.wanted.wait(spare).unwrap_or_else(|poisoned| poisoned.into_inner());
            }
            spare.wanted -= 1;
        }
    }

    fn read_and_run(self: &Arc<Self>) {
        loop {
            let mut incoming = locked(&self.incoming);
            let call = loop {
                match incoming.reader.next() {
                    None => self.end(),
                    Some(frame) => {
                        if let Some(call) = self.take(&mut incoming, frame) {
                            break call;
                        }
                    }
                }
            };
            incoming.calls += 1;
            let number = incoming.calls;
            drop(incoming);
            self.lent.store(number, SeqCst);
            if self.asleep.load(SeqCst) {
                self.wake_watcher();
            }
            self.run(call);
            if self.lent.compare_exchange(number, 0, SeqCst, SeqCst).is_err() {
                return;
            }
        }
    }

    /// Gives the reading to another thread, if it is lent to one that runs a call.
    pub fn take_over(self: &Arc<Self>, number: u64) {
        if number == 0 || self.lent.compare_exchange(number, 0, SeqCst, SeqCst).is_err() {
            return;
        }
        let mut spare = locked(&self.spare);
        if spare.waiting > 0 {
            spare.waiting -= 1;
            spare.wanted += 1;
            self.wanted.notify_one();
            return;
        }
        drop(spare);
        let worker = self.clone();
        thread::spawn(move || worker.work());
    }

    /// What a call does that is about to wait: its thread may be the one that reads.
    pub fn before_waiting(self: &Arc<Self>) {
        self.take_over(self.lent.load(SeqCst));
    }

    fn wake_watcher(self: &Arc<Self>) {
        self.asleep.store(false, SeqCst);
        let mut watcher = locked(&self.watcher);
        if let Some(thread) = &*watcher {
            return thread.unpark();
        }
        let worker = self.clone();
        *watcher = Some(thread::spawn(move || worker.watch()).thread().clone());
    }

    fn watch(self: &Arc<Self>) {
        // With one call at a time only CANCEL waits.
        let tick = Duration::from_micros(if self.plan.concurrency == 1 { 1000 } else { 200 });
        let (mut seen, mut quiet) = (0, 0);
        loop {
            thread::sleep(tick);
            let now = self.lent.load(SeqCst);
            if now != 0 && now == seen {
                self.take_over(now);
            }
            quiet = if now == 0 { quiet + 1 } else { 0 };
            seen = now;
            if quiet > TICKS_BEFORE_SLEEP {
                quiet = 0;
                self.asleep.store(true, SeqCst);
                while self.asleep.load(SeqCst) && self.lent.load(SeqCst) == 0 {
                    thread::park();
                }
                self.asleep.store(false, SeqCst);
            }
        }
    }

    fn end(&self) -> ! {
        let mut flights = locked(&self.flights);
        self.ending.store(true, SeqCst);
        while !flights.is_empty() {
            flights = self.landed.wait(flights).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        std::process::exit(0)
    }

    /// Does what a frame asks for. A call that is whole is given back, to be run.
    fn take(self: &Arc<Self>, incoming: &mut Incoming, frame: Frame) -> Option<Arc<Flight>> {
        match frame.kind {
            frames::CALL => {
                if !frame.more {
                    return Some(self.begin(frame.call, frame.meta, frame.body));
                }
                incoming.unfinished.insert(frame.call, Unfinished { meta: frame.meta, body: frame.body });
            }
            frames::CHUNK => {
                let mut begun = incoming.unfinished.remove(&frame.call)?;
                begun.body.extend_from_slice(&frame.body);
                if !frame.more {
                    return Some(self.begin(frame.call, begun.meta, begun.body));
                }
                incoming.unfinished.insert(frame.call, begun);
                let grant = format!("{{\"bytes\":{}}}", frame.body.len());
                self.out.write(frames::CREDIT, frame.call, grant.as_bytes(), &[], false);
            }
            frames::CANCEL => {
                if incoming.unfinished.remove(&frame.call).is_some() {
                    self.failed(frame.call, Failure::new("CANCELLED", "the call was cancelled before its body was whole"));
                } else if let Some(flight) = self.flight(frame.call) {
                    flight.cancel();
                }
            }
            frames::CREDIT => {
                let granted = Value::parse(&frame.meta).ok().and_then(|meta| meta["bytes"].as_u64());
                if let Some(flight) = self.flight(frame.call) {
                    flight.grant(granted.unwrap_or(0) as usize);
                }
            }
            frames::ANSWER => {
                if let Some(flight) = self.flight(frame.call) {
                    flight.answered(frame);
                }
            }
            frames::PING => self.out.write(frames::PONG, 0, &[], &frame.body, false),
            frames::DRAIN => {
                let worker = self.clone(); // calls in flight may wait for frames yet
                thread::spawn(move || worker.end());
            }
            _ => {}
        }
        None
    }

    fn flight(&self, id: u32) -> Option<Arc<Flight>> {
        locked(&self.flights).get(&id).cloned()
    }

    fn begin(&self, id: u32, meta: Vec<u8>, body: Vec<u8>) -> Arc<Flight> {
        let flight = Arc::new(Flight::new(id, meta, body, self.plan.credit));
        locked(&self.flights).insert(id, flight.clone());
        flight
    }

    fn run(self: &Arc<Self>, flight: Arc<Flight>) {
        let id = flight.id;
        let call = Call::new(self.clone(), flight.clone());
        crate::panics::in_call(true);
        let ended = catch_unwind(AssertUnwindSafe(|| (self.answering)(&call)));
        crate::panics::in_call(false);
        let failure = match ended {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure),
            Err(payload) => Some(crate::panics::failure(payload)),
        };
        if let Some(mut failure) = failure {
            if flight.is_cancelled() && failure.code == "FUNCTION_ERROR" {
                failure.code = "CANCELLED";
            }
            self.failed(id, failure);
        }
        flight.end();
        let mut flights = locked(&self.flights);
        flights.remove(&id);
        if flights.is_empty() && self.ending.load(SeqCst) {
            self.landed.notify_all();
        }
    }

    fn failed(&self, id: u32, failure: Failure) {
        crate::call::flush();
        self.out.write(frames::ERROR, id, failure.meta().as_bytes(), &[], false);
    }
}
