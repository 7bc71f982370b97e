"""What every figure of a record means: its unit, which way is better, and where it comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Direction = Literal["lower is more private", "higher is more private", "lower is better", "higher is better", "neither"]


@dataclass(frozen=True)
class Metric:
    """One kind of figure.

    Args:
        name: as in `cells.jsonl`; `{r}` stands for a rank, `{q}` for a quantile, `{by}` for the encoder or detector that judges.
        unit: of the number.
        direction: which way is better.
        meaning: one sentence.
        source: paper or equation, "" for a count.
    """

    name: str
    unit: str
    direction: Direction
    meaning: str
    source: str = ""

    @property
    def pattern(self) -> str:
        """A regular expression of the names that it stands for."""
        pattern = re.escape(self.name)
        for part, stands_for in (("{r}", r"\d+"), ("{q}", r"\w+"), ("{by}", ".+")):
            pattern = pattern.replace(re.escape(part), stands_for)
        return pattern


_DISTANCE = "distance of unit encodings, 0 to 2"
_SHARE = "share, 0 to 1"
_AMIGO = "Amigo et al., A comparison of extrinsic clustering evaluation metrics, 2009"
METRICS = (
    Metric("rank{r}", _SHARE, "lower is more private", "people whom the attacker names among its first r candidates"),
    Metric("chance{r}", _SHARE, "neither", "the same for an attacker who guesses: r over the people in the gallery"),
    Metric(
        "bound{r}",
        _SHARE,
        "neither",
        "the most that k-anonymity lets an attacker reach: r over the people who share a picture",
        "Newton, Sweeney, Malin, Preserving privacy by de-identifying face images, IEEE TKDE 17(2), 2005",
    ),
    Metric(
        "trials{r}",
        _SHARE,
        "lower is more private",
        "`rank{r}` with the exact interval of as many independent trials as there are people, where no group shares a picture",
        "Clopper, Pearson, The use of confidence or fiducial limits, Biometrika 26(4), 1934",
    ),
    Metric(
        "unlearned{r}",
        _SHARE,
        "lower is more private",
        "where an attacker learns on people of its own: `rank{r}` of the same one who learnt nothing, on the same candidates",
    ),
    Metric(
        "attribute_area",
        _SHARE,
        "lower is more private",
        "how probably somebody of one kind (men; the older half) is scored above somebody of the other; guessing reaches .5",
        "Mann, Whitney, On a test of whether one of two random variables is stochastically larger, 1947",
    ),
    Metric("attribute_share", _SHARE, "neither", "people of the larger kind: what always saying it gets right"),
    Metric(
        "member_tpr",
        _SHARE,
        "lower is more private",
        "members of the database who are accepted as such where one other in a hundred is, too; guessing reaches .01",
        "Carlini et al., Membership inference attacks from first principles, IEEE S&P 2022",
    ),
    Metric(
        "member_area",
        _SHARE,
        "lower is more private",
        "how probably a member is scored above somebody who was not in the database; guessing reaches .5",
        "Mann, Whitney, On a test of whether one of two random variables is stochastically larger, 1947",
    ),
    Metric(
        "link{r}",
        _SHARE,
        "lower is more private",
        "how probably the right person comes first of r candidates drawn from the gallery, by the hypergeometric law",
        "Vauquier et al., Legally grounded evaluation of voice anonymization, 2025 (linkability)",
    ),
    Metric(
        "tar_1e-{r}",
        _SHARE,
        "lower is more private",
        "people who are accepted as themselves at the threshold that lets so few impostors among untouched faces pass",
    ),
    Metric(
        "eer",
        _SHARE,
        "higher is more private",
        "error rate where as large a share is rejected as of impostors accepted",
    ),
    Metric(
        "d_sys",
        "0 to 1",
        "lower is more private",
        "linkability at equal priors, by isotonic likelihood ratios",
        "Gomez-Barrero et al., General framework to evaluate unlinkability, IEEE TIFS 13(6), 2018",
    ),
    Metric("d_sys_exchanged", "0 to 1", "neither", "the same for exchanged people: what finite scores of pure noise give"),
    Metric(
        "sing",
        _SHARE,
        "lower is more private",
        "how often a candidate's predicate of weight 1/N holds for exactly one of N released people",
        "Cohen, Nissim, Towards formalizing the GDPR's notion of singling out, PNAS 117(15), 2020",
    ),
    Metric("sing_noise", _SHARE, "neither", "the same for scores that know nothing"),
    Metric("control1", _SHARE, "neither", "rank-1 against people who were exchanged for others: at most that of guessing"),
    Metric("faces_found", _SHARE, "higher is better", "released pictures in which the recipe's detector finds a face"),
    Metric("scene_faces_found", _SHARE, "higher is better", "drawn or covered faces that a detector finds in the released files"),
    Metric("scene_drawn", _SHARE, "higher is better", "faces in scenes that are drawn over; the others are covered by the fill"),
    Metric("scene_repaired", "faces", "neither", "seen only in a released file by a second look, and covered then"),
    Metric(
        "scene_frames_a_second", "frames a second", "higher is better", "of videos: drawn, encoded, looked at again, repaired"
    ),
    Metric(
        "scene_trembling",
        "ratio",
        "lower is better",
        "how often as much as before the inner part of a drawn face changes from frame to frame, its motion taken out",
    ),
    Metric("found.{by}", _SHARE, "higher is better", "the same with another detector"),
    Metric("least_score.{by}", "the detector's score", "higher is better", "least of the best scores in the different pictures"),
    Metric("loss.{by}", _DISTANCE, "lower is better", "mean distance from a face to what is released for it"),
    Metric(
        "collapse.{by}",
        "ratio",
        "neither",
        "how varied a person's released pictures are over how varied the originals were; 0 for one picture",
    ),
    Metric(
        "sse.{by}",
        "squared distance",
        "lower is better",
        "sum over people of the squared distance to their group's mean: what any one surrogate a group has to lose",
        "Domingo-Ferrer, Mateo-Sanz, Practical data-oriented microaggregation, IEEE TKDE 14(1), 2002",
    ),
    Metric("loss_ratio.{by}", "ratio, 1 is least", "lower is better", "squared loss of the surrogates over that of the means"),
    Metric("distance_{q}.{by}", _DISTANCE, "lower is better", "quantiles (5, 25, 50, 75, 95 %) of what `loss` is the mean of"),
    Metric("verified.{by}", _SHARE, "lower is more private", "faces that match what is released for them at `threshold`"),
    Metric("threshold.{by}", _DISTANCE, "neither", "below it lies one in 1,000 pairs of two people among the originals"),
    Metric("authors_threshold.{by}", _DISTANCE, "neither", "up to it the encoder's authors take two pictures for one person's"),
    Metric("distinct", "pictures", "neither", "different pictures among the released files"),
    Metric(
        "sharpness",
        "variance of the Laplacian",
        "higher is better",
        "of the different released pictures",
        "Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000",
    ),
    Metric("sharpness_before", "variance of the Laplacian", "neither", "the same of their originals"),
    Metric("least_distance.{by}", _DISTANCE, "higher is better", "between the two nearest of the different released pictures"),
    Metric(
        "frechet.{by}",
        "squared distance",
        "lower is better",
        "between the originals' encodings and the released pictures', as two normal distributions; grows as sets get smaller",
        "Heusel et al., GANs trained by a two time-scale update rule, NeurIPS 2017, eq. 6",
    ),
    Metric(
        "kernel.{by}",
        "squared discrepancy",
        "lower is better",
        "between the same two sets, by a cubic kernel",
        "Binkowski et al., Demystifying MMD GANs, ICLR 2018",
    ),
    Metric("sex_groups", "groups", "neither", "groups of which four in five people have one apparent sex"),
    Metric("sex_right", _SHARE, "higher is better", "of those, groups whose surrogate has the same"),
    Metric("age_off", "years", "lower is better", "mean distance from a surrogate's apparent age to its group's median"),
    Metric("distinct_share", "pictures a person", "higher is better", "different released pictures over people"),
    Metric(
        "landmarks.{by}",
        "share of the eyes' distance",
        "lower is better",
        "mean distance of five landmarks in a released face from those in its original, where a face is found in both",
        "Sagonas et al., 300 faces in-the-wild challenge, ICCV-W 2013 (normalised mean error, eye centres)",
    ),
    Metric(
        "landmarks_ceiling.{by}", "share of the eyes' distance", "neither", "the same of clear faces, moved by a pixel or two"
    ),
    Metric("yaw_off.{by}", "degrees", "lower is better", "mean difference of yaw, released against original, by five landmarks"),
    Metric("yaw_ceiling.{by}", "degrees", "neither", "the same of clear faces, moved by a pixel or two"),
    Metric("pitch_off.{by}", "degrees", "lower is better", "the same of pitch"),
    Metric("pitch_ceiling.{by}", "degrees", "neither", "the same of clear faces, moved by a pixel or two"),
    Metric("expression_kept", _SHARE, "higher is better", "faces whose apparent expression is that of their original"),
    Metric("expression_ceiling", _SHARE, "neither", "the same of clear faces, moved by a pixel or two"),
    Metric("expression_chance", _SHARE, "neither", "the same of two clear faces drawn at random"),
    Metric(
        "ssim",
        "-1 to 1",
        "higher is better",
        "structural similarity of released and original in luminance, where both show the same scene",
        "Wang et al., Image quality assessment, IEEE TIP 13(4), 2004",
    ),
    Metric("psnr", "decibels", "higher is better", "peak signal to noise, where both show the same scene and differ"),
    Metric(
        "task.{by}",
        _SHARE,
        "higher is better",
        "of clear faces of people it has not seen, told right by a classifier of this column that learnt on released faces;"
        " mean over classes",
    ),
    Metric("task_clear.{by}", _SHARE, "neither", "the same of a classifier that learnt on clear faces"),
    Metric("task_chance.{by}", _SHARE, "neither", "the same of guessing: one over the classes"),
    Metric(
        "homogeneous.{by}",
        _SHARE,
        "lower is more private",
        "groups whose people all have one value of this column: who knows the group knows the value",
        "Machanavajjhala et al., l-diversity, ACM TKDD 1(1), 2007",
    ),
    Metric(
        "diversity.{by}",
        "values",
        "higher is more private",
        "fewest different values of this column in a group",
        "Machanavajjhala et al., l-diversity, ACM TKDD 1(1), 2007",
    ),
    Metric(
        "closeness.{by}",
        _SHARE,
        "lower is more private",
        "greatest distance of a group's distribution of this column from that of all, half the sum of differences",
        "Li, Li, Venkatasubramanian, t-closeness, ICDE 2007",
    ),
    Metric(
        "measure.{by}",
        "the plugin's",
        "neither",
        "a figure of a plugin, mean over people; `run.json` has its unit",
    ),
    Metric("measure_ceiling.{by}", "the plugin's", "neither", "the same of untouched faces that were moved a little"),
    Metric("measured.{by}", _SHARE, "neither", "faces of which a plugin's measure has a value"),
    Metric("groups", "groups", "neither", "that were made"),
    Metric("largest", "people, or pictures without k", "neither", "in the largest group"),
    Metric("smallest", "people, or pictures without k", "neither", "in the smallest group"),
    Metric("noise_share", _SHARE, "neither", "in no group"),
    Metric("noise_before", _SHARE, "neither", "in no group before the outlier handler"),
    Metric("sse", "squared distance", "lower is better", "as `sse` above, of a grouping"),
    Metric(
        "seed_ssd_l2",
        "distance",
        "lower is better",
        "distances over the pairs of each group, divided by its size, summed: the original authors' later measure",
    ),
    Metric(
        "silhouette",
        "-1 to 1",
        "higher is better",
        "how much nearer rows lie to their own group than to the next",
        "Rousseeuw, Silhouettes, J. Comput. Appl. Math. 20, 1987",
    ),
    Metric("within", "distance", "lower is better", "mean over pairs in one group"),
    Metric("between", "distance", "higher is better", "mean over pairs in two groups"),
    Metric("pairwise_precision", _SHARE, "higher is better", "pairs in one group that are of one person", _AMIGO),
    Metric("pairwise_recall", _SHARE, "higher is better", "pairs of one person that are in one group", _AMIGO),
    Metric("pairwise_f", _SHARE, "higher is better", "harmonic mean of the two", _AMIGO),
    Metric(
        "bcubed_precision", _SHARE, "higher is better", "of a picture, the share of its group that is its person; mean", _AMIGO
    ),
    Metric(
        "bcubed_recall", _SHARE, "higher is better", "of a picture, the share of its person that is in its group; mean", _AMIGO
    ),
    Metric("bcubed_f", _SHARE, "higher is better", "harmonic mean of the two", _AMIGO),
    Metric("peak_mb", "MB", "lower is better", "most memory that the process has held so far"),
)


def metric_of(name: str) -> Metric | None:
    """Return what a name in a record means, None where it is unknown."""
    return next((metric for metric in METRICS if re.fullmatch(metric.pattern, name)), None)


def reference() -> str:
    """Return docs/reference/metrics.md."""
    head = (
        "# Metrics\n\nThe figures in `cells.jsonl` and in the tables; `{r}` is a rank, `{q}` a quantile, `{by}` the encoder\n"
        "or detector that judges. A figure with an interval has `value`, `low`, `high` (95 %, resampled by person) and `n`.\n"
        "Made by `python -m deidframe.measure.registry`; a test holds this page to the code.\n\n"
        "| name | unit | direction | meaning | source |\n|---|---|---|---|---|\n"
    )
    return head + "".join(f"| `{m.name}` | {m.unit} | {m.direction} | {m.meaning} | {m.source} |\n" for m in METRICS)


if __name__ == "__main__":
    print(reference(), end="")
