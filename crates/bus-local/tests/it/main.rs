//! The bus in a file: what every bus promises, and what only this one can do wrong.

mod conformance;
mod file;
mod kill;
