//! A heap that was used before.
//!
//! What `malloc` costs depends on which pieces earlier work has left to it. With a piece of more than 1,032 bytes in every
//! request, which a section of ten header fields takes, glibc's falls into one of two states: in one it finds all small
//! pieces where it put them, in the other it puts some together and cuts them again each time. So instructions are counted
//! with several heaps, and the middle count is told.

/// How many blocks were handed out and given back before, but for some that stay.
pub(super) const HEAPS: [usize; 3] = [0, 1_000, 4_000];

/// The blocks that stay; their places are the same in each run.
pub(super) fn used(blocks: usize) -> Vec<Box<[u8]>> {
    let mut random = blocks as u64;
    let mut sizes = || {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        16 + (random >> 33) as usize % 400
    };
    let all: Vec<Box<[u8]>> = (0..blocks).map(|_| vec![0; sizes()].into()).collect();
    all.into_iter().enumerate().filter(|(at, _)| at % 3 == 0).map(|(_, block)| block).collect()
}
