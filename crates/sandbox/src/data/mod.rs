//! The invented business: everything follows from a seed, the counts and the moment of the start.

pub(crate) mod agenda;
pub(crate) mod calls;
pub(crate) mod files;
pub(crate) mod leads;
pub(crate) mod phrases;
pub(crate) mod times;

/// The business's own number: what an inbound call dials and an outbound call shows.
pub(crate) const BUSINESS_NUMBER: &str = "+97235550101";
pub(crate) const BUSINESS_NAME: &str = "בית ירוק — שיפוצים ואנרגיה בע\"מ";

/// A number that looks random but follows from its three arguments (splitmix64's finaliser).
pub(crate) fn mix(seed: u64, salt: u64, index: u64) -> u64 {
    let mut z = seed
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(salt.wrapping_mul(0xD1B5_4A32_D192_ED03))
        .wrapping_add(index.wrapping_mul(0x2545_F491_4F6C_DD1D))
        .wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// One of `items`.
pub(crate) fn pick<'a, T: ?Sized>(items: &[&'a T], roll: u64) -> &'a T {
    items[(roll % items.len() as u64) as usize]
}
