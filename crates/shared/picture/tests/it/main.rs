//! Previews of generated pictures, of broken ones, and of the largest.

mod corpus;
mod make;
mod memory;
mod mutate;
mod pictures;
