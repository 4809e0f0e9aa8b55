//! The bus on a real server: what every bus promises, and what only this one can do wrong.

mod conformance;
mod faults;
mod readers;
mod settings;
