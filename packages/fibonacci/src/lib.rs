//! Computes Fibonacci numbers for whoever asks: `{"Number":10}` is answered with `{"Number":55}`.

use serde::{Deserialize, Serialize};
use wharf_process_lib::Address;
use wharf_process_lib::service::{Incoming, Service};

#[cfg(test)]
mod tests;

/// The largest that fits 64 bits.
const LAST: u64 = 93;

/// What may be asked: a number by its place. 0 is 0, 1 is 1, and each other one the sum of the two before it.
#[derive(Clone, Copy, Debug, Deserialize)]
enum FibonacciRequest {
    Number(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum FibonacciResponse {
    Number(u64),
}

fn answer(_: &mut (), asked: Incoming<FibonacciRequest>) -> Result<FibonacciResponse, String> {
    let FibonacciRequest::Number(place) = asked.request;
    if place > LAST {
        return Err(format!("{place} is too large: the last number that fits is {LAST}"));
    }
    Ok(FibonacciResponse::Number(fibonacci(place)))
}

fn fibonacci(place: u64) -> u64 {
    // In 128 bits, for the number behind the last one that is told.
    let (number, _) = (0..place).fold((0_u128, 1_u128), |(this, next), _| (next, this + next));
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn init(_our: Address) {
    Service::new(()).on_request(answer).serve();
}

wharf_process_lib::main!(init);
