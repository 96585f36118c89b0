"""The words of the page, explained for somebody new to pruning."""

_TERMS = {
    "Parent": "The dense network before pruning. Everything is compared with it.",
    "Prune ratio": "The share of all the network’s parameters that were set to zero or removed.",
    "WT, FT": """
        Two ways to prune. WT zeroes the single weights that are smallest in the whole network; the
        file keeps its shape and runs sparse. FT removes whole filters, the same share in every
        layer; the network becomes smaller and runs dense.
    """,
    "Distribution, shift": """
        A kind of test pictures. “Clean” are the test pictures as they are; each shift is the same
        pictures changed in one way, such as fog or blur, as they might be in use.
    """,
    "Commensurate": """
        As good as the parent within a stated margin (0.5 percentage points unless the recipe says
        otherwise), on the same pictures.
    """,
    "Prune potential": """
        The largest tested prune ratio whose accuracy is commensurate on a distribution; 0 if none
        is.
    """,
    "Control": """
        A dense network that pruned ones are compared with. “Extended” is the parent retrained as
        often as they were and nothing removed; “small dense” has as many parameters as they have
        left, and was trained as long from scratch.
    """,
    "Masked twin": """
        The pruned network with its zeros in place, run plainly without any acceleration. It shows
        what pruning alone did.
    """,
    "Hidden loss": """
        What the accelerated network gets wrong that its masked twin does not: damage done by the
        speed-up itself. It should be nothing.
    """,
    "Label agreement": """
        The share of pictures on which two networks give the same label, right or wrong.
    """,
    "Softmax distance": """
        The straight-line distance between the class probabilities of two networks, averaged over
        pictures: 0 is identical.
    """,
    "Percentage point (pp)": "The plain difference of two percentages: from 90 % to 89 % is −1 pp.",
    "95 % interval": """
        The range in which the true value plausibly lies, given how often it was measured.
    """,
}
TERMS = {term: " ".join(meaning.split()) for term, meaning in _TERMS.items()}
