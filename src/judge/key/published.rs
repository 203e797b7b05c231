//! Fingerprints of values that look like keys and are published on purpose: constants of git, digests of well-known
//! texts, keys in W&B's own examples. Held as fingerprints, so that no key-shaped string stands here.

/// Fingerprint, the last digits of the value, and what it is.
pub(super) const PUBLISHED: &[(&str, &[u8; 4], &str)] = &[
    ("ww1-07e23ede2756aa3f5f7cc9759117c491", b"0709", "the SHA-1 of nothing"),
    ("ww1-abe5b4848301d438e6a78ad4d8d68931", b"4904", "git's empty tree"),
    ("ww1-b0b5f99c8bbca85879b864297bfb95e0", b"5391", "git's empty blob"),
    ("ww1-f07314a6f345c45044e180ba47301e6b", b"46ed", "the SHA-1 of `hello world`"),
    ("ww1-168601827c50b37054f4e565dbf4050a", b"bbd3", "the SHA-1 of `test`"),
    ("ww1-0d287772dfced30917b9dbb547a3dfc2", b"8fd8", "the SHA-1 of `password`"),
    ("ww1-48e0954096864b1bfbd37e84f954952d", b"434d", "the SHA-1 of `hello`"),
    ("ww1-763ba1ba65cc87380221deed255fa319", b"8a33", "the SHA-1 of `foo`"),
    ("ww1-c6241d9970909837a440ff2645a75b97", b"0874", "the test value of W&B's Helm charts"),
];
