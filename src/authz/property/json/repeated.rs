/// Up to so many names are compared each with each; more are sorted first.
const FEW: usize = 16;

/// Whether a name stands there twice. Changes the order of many.
pub(super) fn has_repeated<N: Ord>(names: &mut [N]) -> bool {
    if names.len() <= FEW {
        return (1..names.len()).any(|at| names[..at].contains(&names[at]));
    }
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}
