//! The bus in a file: what every bus promises, and what only this one can do wrong.

mod bounds;
mod conformance;
mod file;
mod fixture;
mod kill;
