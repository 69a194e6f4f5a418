//! Tokens: random, and not to be guessed.

/// 128 bits.
const BYTES: usize = 16;

/// A new token, in hexadecimal.
///
/// # Errors
/// The system has no randomness to give.
pub fn new_token() -> std::io::Result<String> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
