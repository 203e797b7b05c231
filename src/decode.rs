//! Decode: a blob in every form in which a person or a tool would read a key in it. In: bytes. Out: texts, each with the
//! way back to its bytes. It knows nothing of keys.

pub mod archive;
