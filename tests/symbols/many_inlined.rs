// Rust for script/compare-names: generic code and closures, inlined into each other, and the standard library's, whose
// symbols are linked in. It is never run.
use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Token {
    Word(String),
    Number(u64),
}

trait Weight {
    fn weight(&self) -> u64;
}

impl Weight for Token {
    fn weight(&self) -> u64 {
        match self {
            Token::Word(text) => text.chars().map(u64::from).sum(),
            Token::Number(number) => number.rotate_left(7),
        }
    }
}

fn parse(text: &str) -> Vec<Token> {
    text.split_whitespace()
        .map(|word| word.parse().map(Token::Number).unwrap_or_else(|_| Token::Word(word.to_string())))
        .collect()
}

#[inline(never)]
fn count<T: Clone + Eq + std::hash::Hash>(items: &[T]) -> HashMap<T, usize> {
    let mut counts = HashMap::new();
    items.iter().for_each(|item| *counts.entry(item.clone()).or_insert(0) += 1);
    counts
}

#[inline(never)]
fn heaviest<T: Weight + Ord + Clone>(items: &[T]) -> Option<T> {
    let mut sorted = items.to_vec();
    sorted.sort_by_key(|item| std::cmp::Reverse(item.weight()));
    sorted.dedup();
    sorted.first().cloned()
}

fn show<K: Display, V: Display>(map: &BTreeMap<K, V>) -> String {
    map.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

fn main() {
    let tokens: Vec<Token> = std::env::args().flat_map(|argument| parse(&argument)).collect();
    let weights: Vec<u64> = tokens.iter().map(Weight::weight).collect();
    let total = std::thread::spawn(move || weights.iter().fold(0u64, |sum, x| sum.wrapping_mul(31) ^ x)).join().unwrap();
    let named: BTreeMap<String, usize> = count(&tokens).into_iter().map(|(token, n)| (format!("{token:?}"), n)).collect();
    println!("{} {:?} {}", show(&named), heaviest(&tokens), total);
}
