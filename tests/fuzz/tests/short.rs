//! The targets under a seeded mutator of the corpora, on the stable toolchain. It takes seconds, and each run has the
//! same inputs.
//!
//! `INPUTS=n` sets the number of inputs for each target. `TARGET=name` drives one target alone.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test ends where its surroundings fail")]

use std::path::Path;

use fuzz_targets::ALL;

const INPUTS: u64 = 20_000;
/// Words that the parsers look for, so that mutations get past the lexers.
const WORDS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "true",
    "-1",
    "18446744073709551616",
    "1e999",
    "\\u0000",
    "\n",
    "=",
    "etcdserver: ",
    "alarm:",
    "i-1234abcd",
    "3.6.16",
    "open",
    "gone/",
    "48h",
    "65536",
    "é",
];

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    // The sample events are seeds, too.
    let folders = [here.join("corpus").join(name), here.join("../../events")];
    let folders = &folders[..if name == "events" { 2 } else { 1 }];
    let all = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut files: Vec<_> = all.map(|f| f.unwrap().path()).filter(|f| f.is_file()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn mutated(rng: &mut Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut data = seeds[rng.below(seeds.len())].clone();
    for _ in 0..=rng.below(4) {
        let (at, other) = (rng.below(data.len() + 1), rng.below(data.len() + 1));
        let (from, to) = (at.min(other), at.max(other));
        match rng.below(6) {
            0 if at < data.len() => data[at] ^= 1 << rng.below(8),
            1 => drop(data.drain(from..to)),
            2 => {
                let piece = data[from..to].to_vec();
                data.splice(from..from, piece);
            }
            3 => {
                let donor = &seeds[rng.below(seeds.len())];
                let start = rng.below(donor.len());
                data.splice(at..at, donor[start..].iter().copied());
            }
            4 => {
                let word = WORDS[rng.below(WORDS.len())];
                data.splice(from..to.min(from + word.len()), word.bytes());
            }
            _ => data.truncate(at),
        }
        data.truncate(4_096);
    }
    data
}

#[test]
fn nothing_that_comes_from_outside_breaks_a_parser() {
    let inputs = std::env::var("INPUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(INPUTS);
    let only = std::env::var("TARGET").ok();
    for (name, target) in ALL.iter().filter(|(name, _)| only.as_ref().is_none_or(|only| only == name)) {
        let (seeds, mut rng) = (corpus(name), Rng(1));
        assert!(!seeds.is_empty(), "{name} has no corpus");
        seeds.iter().for_each(|seed| target(seed));
        for _ in 0..inputs {
            let data = mutated(&mut rng, &seeds);
            if std::panic::catch_unwind(|| target(&data)).is_err() {
                panic!("{name} breaks on {:?}", String::from_utf8_lossy(&data));
            }
        }
        println!("{name}: {} seeds, {inputs} inputs", seeds.len());
    }
}
