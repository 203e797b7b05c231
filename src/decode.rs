//! Shows a blob in every form in which a person or a tool would read a key in it.
//! In: bytes. Out: texts that a scan judges. Must never trust a length, a pointer or a depth that the bytes state.

pub mod binary;
