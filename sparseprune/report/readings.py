"""How to read each section: the text under its first sentence. ``{margin}`` is the run's own."""

_TEXTS = {
    "accuracy": """
        Left is the dense parent (star); each step right removes more parameters. Thin grey lines
        are the single shifts; the dotted level lines mark the parent. A line that falls below its
        level is accuracy lost to pruning. In the tables, ▼ marks a loss beyond the margin of
        {margin}; the tint deepens at 3 and 10.
    """,
    "potential": """
        Each bar is the largest tested share of parameters that can go while accuracy on those
        pictures stays within {margin} of the parent’s. The dashed line is the potential on clean
        pictures: bars that end before it are shifts on which a choice made by test accuracy alone
        would have pruned too far. Striped bars (≥) reached the end of the grid, so the true value
        may be higher.
    """,
    "speed": """
        Measured, not estimated: each network took turns with the dense parent in one process
        ({setting}). Whiskers are the 95 % interval of the speed-up; hollow marks in the tinted band
        are slower than the dense parent. The second figure shows the median (mark) and the span
        from the 10th to the 90th percentile (bar); its dashed line is the dense parent. Memory is
        what a fresh process grows by when it loads and runs one file.
    """,
    "frontier": """
        Up is more accurate on shifted pictures, left is faster; the best corner is top left. A
        network on the grey step line is beaten by no other on both counts; one inside the shaded
        area is. The star is the dense parent.
    """,
    "hidden-loss": """
        Pruning may cost accuracy; making the pruned network fast must not cost any more. So each
        prediction of the accelerated network, on clean and shifted pictures, is compared with that
        of its masked twin, the same weights run plainly. The interval is for the accuracy
        difference, accelerated minus twin, over all distributions together (paired, 95 %). A change
        is a near tie if the twin itself preferred its answer by no more than rounding can move it.
    """,
    "similarity": """
        Label agreement: on how many pictures both give the same label, right or wrong; higher is
        nearer. Softmax distance: how far their probabilities lie apart; lower is nearer. The dashed
        line is a separate network, the same architecture trained from another seed: a pruned
        network on the far side of it has become a different network.
    """,
    "noise": """
        Noise uniform between minus and plus the half-width is added to the normalised pictures,
        the same for all networks. Each line is a network of the ratio at its end, compared with the
        parent on the same noisy pictures; the dashed one is the separate network. Bars are the
        standard deviation over draws of the noise. The potential is taken draw by draw and
        averaged; its bars are the median distance from that mean.
    """,
    "recommendation": """
        The largest tested ratio at which accuracy stays within {margin} of the parent’s on every
        one of the {listed} listed distributions (recipe key report.must_hold). The last column
        names what breaks at the next ratio. {grain}
    """,
    "networks": """
        Achieved ratios count all parameters. “Operations saved” counts multiply-accumulates with
        zeros taken as free; what that means in time is measured above. Export parity: the largest
        difference between the exported file and the network it came from, against the bound that
        rounding alone allows. Nodes claimed: how many of the file’s operations our execution
        provider runs.
    """,
}


def reading(section: str, **values: str) -> str:
    """The text of ``section`` with its ``values`` filled in."""
    return " ".join(_TEXTS[section].split()).format(**values).strip()
