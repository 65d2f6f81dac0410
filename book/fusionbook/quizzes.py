"""Three quick questions a chapter, answered in the page or in JupyterLab.

``quiz(name)`` shows the same form in both: no network, no kernel. A choice is judged
when it is made, a number when Enter or the button is pressed.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from importlib.resources import files

from fusionlib.errors import InputError

__all__ = ["QUIZZES", "Choice", "Number", "Quiz", "quiz"]


@dataclass(frozen=True)
class Choice:
    """A question with some answers to choose from.

    Attributes
    ----------
    text : str
        The question.
    answers : tuple of (str, str)
        Each answer, and what is said to whoever chooses it. The first is right; the
        page shows them in the order of the alphabet.
    read : str
        The section of the chapter that explains it.
    """

    text: str
    answers: tuple[tuple[str, str], ...]
    read: str


@dataclass(frozen=True)
class Number:
    """A question whose answer is a number.

    Attributes
    ----------
    text : str
        The question.
    value, tolerance : float
        The right number, and how far an answer may be away.
    why : str
        What is said to the right answer.
    hint : str
        What is said to a wrong one.
    read : str
        The section of the chapter that explains it.
    """

    text: str
    value: float
    tolerance: float
    why: str
    hint: str
    read: str


@dataclass(frozen=True)
class Quiz:
    """Questions that Jupyter and the book show as a form."""

    name: str
    questions: tuple[Choice | Number, ...]

    def __repr__(self) -> str:
        return "\n".join(f"{k}. {q.text}" for k, q in enumerate(self.questions, 1))

    def _repr_html_(self) -> str:
        static = files("fusionbook") / "static"
        parts = [
            _form(f"quiz-{self.name}-{k}", k, question)
            for k, question in enumerate(self.questions, 1)
        ]
        style = (static / "quiz.css").read_text("utf-8")
        script = (static / "quiz.js").read_text("utf-8")
        return (
            f'<style>{style}</style><div class="fl-quiz" id="quiz-{self.name}" '
            f'data-lm-suppress-shortcuts="true">'
            f"{''.join(parts)}</div><script>{script}</script>"
        )


def _form(name: str, number: int, question: Choice | Number) -> str:
    """Return one question as HTML."""
    if isinstance(question, Choice):
        right = question.answers[0]
        body = "".join(
            f'<label><input type="radio" name="{name}" data-right='
            f'"{json.dumps(one == right)}" data-say="{html.escape(one[1])}"> '
            f"{html.escape(one[0])}</label>"
            for one in sorted(question.answers)
        )
    else:
        body = (
            f'<label>Answer <input type="text" inputmode="decimal" size="8" '
            f'name="{name}" data-value="{question.value}" '
            f'data-tolerance="{question.tolerance}" '
            f'data-why="{html.escape(question.why)}" '
            f'data-hint="{html.escape(question.hint)}"></label> '
            '<button type="button">Check</button>'
        )
    slug = re.sub(r"[^a-z0-9]+", "-", question.read.lower()).strip("-")
    return (
        f"<fieldset><legend>{number}. {html.escape(question.text)}</legend>{body}"
        f'<p role="status"></p><p class="read" hidden>See the section '
        f'<a href="#{slug}">{html.escape(question.read)}</a>.</p></fieldset>'
    )


def quiz(name: str) -> Quiz:
    """Return the quick questions of a chapter.

    Parameters
    ----------
    name : str
        A key of :data:`QUIZZES`, such as ``"decomposition"``.

    Returns
    -------
    Quiz
        Shown as a form where it is the last line of a cell.

    Raises
    ------
    InputError
        If there is none of this name.
    """
    if name not in QUIZZES:
        known = ", ".join(QUIZZES)
        raise InputError(f"name must be one of {known}, got {name!r}")
    return Quiz(name, QUIZZES[name])


#: The questions by chapter.
QUIZZES: dict[str, tuple[Choice | Number, ...]] = {
    "quickstart": (
        Choice(
            "What does the network contribute to the fused image?",
            (
                (
                    "weights for the details of the sources",
                    "What is added up are the sources' own pixels.",
                ),
                (
                    "the pixels of the fused image",
                    "No pixel comes out of the network. Look at the pipeline again.",
                ),
                (
                    "the positions of warm targets",
                    "The network was trained to name objects in photographs, and finds "
                    "no targets here.",
                ),
            ),
            "Every intermediate, by the paper's names",
        ),
        Number(
            "Base parts are averaged. A warm target has the value 0.8 in the infrared "
            "base and 0.2 in the visible one. Which value has it in the fused base?",
            0.5,
            0.001,
            "It has lost half of its contrast.",
            "Take the mean.",
            "Every intermediate, by the paper's names",
        ),
        Choice(
            "With the parameters of the paper, how far is the fused image from the "
            "plain mean of the sources?",
            (
                (
                    "a few grey levels at most, in nearly all pixels",
                    "So every result should be compared with the mean.",
                ),
                (
                    "about as far as the sources are from each other",
                    "Look at the scale of the difference image.",
                ),
                (
                    "it is exactly the mean",
                    "The weights are near 1/2, not equal to it.",
                ),
            ),
            "How far from the plain mean?",
        ),
    ),
    "decomposition": (
        Choice(
            "λ rises from 5 to 500. What happens to a window of 20 pixels?",
            (
                (
                    "it moves from the base into the detail",
                    "The filter now separates at a period of about 140 pixels.",
                ),
                (
                    "it moves from the detail into the base",
                    "A larger λ asks for a smoother base.",
                ),
                (
                    "nothing, λ only changes the border",
                    "λ sets the period at which the gain is one half.",
                ),
            ),
            "A low-pass filter with a known response",
        ),
        Number(
            "The finest wave has a period of 2 pixels. Which share of it does the base "
            "keep at λ = 5?",
            1 / 21,
            0.002,
            "1/(1 + 5·4) = 1/21.",
            "Put ω = π into 1/(1 + λ(2 − 2 cos ω)).",
            "A low-pass filter with a known response",
        ),
        Choice(
            "Base and detail are added again. What comes out?",
            (
                ("the source, for any λ", "The detail is defined as what is left."),
                ("the source, if λ = 5", "Equation (2) holds for any λ."),
                ("a smoother source", "The detail holds all that the base lost."),
            ),
            "The problem the paper solves",
        ),
    ),
    "features": (
        Number(
            "Two convolutions of 3×3 follow each other. How many pixels on a side does "
            "one sample see?",
            5,
            0,
            "Each convolution adds 2.",
            "The second sees 3 samples of the first.",
            "What one sample sees",
        ),
        Choice(
            "The detail is multiplied by 10. What happens to conv1_1, before the ReLU?",
            (
                (
                    "the response to the detail grows ten times, the bias stays",
                    "So the scale decides how much the scene adds to the floor.",
                ),
                ("all values grow ten times", "The bias is added after the product."),
                (
                    "nothing, the network normalises its input",
                    "VGG has no normalisation.",
                ),
            ),
            "What the scale of the input does",
        ),
        Choice(
            "What holds for every feature after a ReLU?",
            (
                ("it is not negative", "So the sum of magnitudes is a plain sum."),
                ("it lies between 0 and 1", "There is no upper limit."),
                (
                    "it is a probability",
                    "Only the last layers of VGG make such, and "
                    "the method does not use them.",
                ),
            ),
            "Before or after the ReLU",
        ),
    ),
    "activity": (
        Number(
            "A place has the features (3, 0, −4), read before the ReLU. How large is "
            "its activity?",
            7,
            0,
            "The sum of the magnitudes.",
            "The l1-norm, not the l2-norm.",
            "One number for each place",
        ),
        Choice(
            "The detail is zero everywhere. What is the activity?",
            (
                (
                    "a floor that the biases make",
                    "A ratio of two activities then starts from two equal floors.",
                ),
                ("zero", "A bias answers to nothing, too."),
                ("undefined", "Sums of magnitudes are always defined."),
            ),
            "One number for each place",
        ),
        Number(
            "One sample is 9, all others are 0. What is the block average there, with "
            "r = 1?",
            1,
            0,
            "9 over 3·3 samples.",
            "The block has 2r + 1 samples on a side.",
            "The mean over a block",
        ),
    ),
    "weights": (
        Choice(
            "The activities at a place are 3 and 1. Which weights does equation (7) "
            "give?",
            (
                ("0.75 and 0.25", "The paper says soft-max; its formula is a ratio."),
                ("0.88 and 0.12", "That is the exponential soft-max."),
                ("1 and 0", "That would be a decision."),
            ),
            '"Soft-max" is a ratio',
        ),
        Number(
            "Two details differ by 20 grey levels at a pixel, the weights are 0.51 and "
            "0.49. How many grey levels is the mix away from the mean of the two?",
            0.2,
            0.001,
            "(0.51 − 0.5) · 20.",
            "Multiply the distance of the weight from 1/2 by the difference.",
            "How close to one half",
        ),
        Choice(
            "Both activities grow by 10. What happens to the weights?",
            (
                ("they move towards 1/2", "So a common floor makes them equal."),
                ("nothing", "That holds for the soft-max, not for the ratio."),
                ("they move towards 0 and 1", "Try 3 and 1, then 13 and 11."),
            ),
            '"Soft-max" is a ratio',
        ),
    ),
    "selection": (
        Choice(
            "How many of the four candidates are in the fused detail of one pixel?",
            (
                ("one", "Layers only compete, whatever their number."),
                ("four, added up", "Equation (10) takes a maximum."),
                ("four, averaged", "That is a variant, not the paper's rule."),
            ),
            "The largest wins",
        ),
        Number(
            "The candidates of a pixel are −3, −1, −2 and −4 grey levels. Which is "
            "the fused detail?",
            -1,
            0,
            "The largest number has the smallest magnitude here.",
            "Is −4 larger than −1?",
            "What the maximum does to dark detail",
        ),
        Choice(
            "What does the maximum do on average?",
            (
                (
                    "it fades dark detail and brightens the image a little",
                    "Of negative candidates the weakest wins.",
                ),
                ("it strengthens all detail", "Look at the sign of the detail."),
                (
                    "nothing, the mean is kept",
                    "No candidate exceeds the one that is taken.",
                ),
            ),
            "What the maximum does to dark detail",
        ),
    ),
    "metrics": (
        Choice(
            "N_abf, a rate of artifacts, is lower for method A. Is A the better one?",
            (
                (
                    "one cannot tell",
                    "A constant image has N_abf = 0 and shows nothing.",
                ),
                ("yes", "What is the N_abf of a constant image?"),
                ("no, higher is better", "N_abf counts what should not be there."),
            ),
            "N_abf, pixel by pixel",
        ),
        Choice(
            "What does a value like N_abf = 0.0012 depend on?",
            (
                (
                    "the image, and the range, border, rounding and order of sums",
                    "A value without its convention means nothing.",
                ),
                ("the image alone", "Turn the images upside down and compare."),
                ("the image and the network", "No metric knows the network."),
            ),
            "When rounding decides",
        ),
        Number(
            "All pixels of an image in [0, 1] are wrong by 0.1. What is the PSNR, in "
            "dB?",
            20,
            0.01,
            "20 log10(1/0.1).",
            "The peak is 1, not 255.",
            "The trap list",
        ),
    ),
    "reproduction": (
        Choice(
            "A recomputation agrees with a table in every printed digit. What does "
            "this show?",
            (
                (
                    "images, metric and convention are the same",
                    "It says nothing about the quality of the method.",
                ),
                ("the method is good", "A bad method can be reproduced, too."),
                (
                    "the network is the same",
                    "It says so only of a method that uses one.",
                ),
            ),
            "Tables I and II",
        ),
        Number(
            "A mean of two sources is saved in 8 bit, with halves rounded up. What "
            "becomes of the pixels 100 and 101?",
            101,
            0,
            "And 100, if halves are rounded to even: small values of N_abf "
            "change with it.",
            "The mean is 100.5.",
            "Compared with what?",
        ),
        Choice(
            "Which row should no table of fusion results be without?",
            (
                (
                    "the plain mean of the sources",
                    "It costs nothing, and says what averaging alone scores.",
                ),
                (
                    "the best method of last year",
                    "Good to have, but what does it beat?",
                ),
                (
                    "the maximum of the sources",
                    "Worth a row, but it is further from what most methods do.",
                ),
            ),
            "Compared with what?",
        ),
    ),
    "ablation": (
        Choice(
            "A variant changes the weights of the network and the scale of its input, "
            "and scores better. What helped?",
            (
                ("one cannot tell", "Change one thing at a time."),
                ("the weights", "The scale was changed, too."),
                ("both", "One of them may even have done harm."),
            ),
            "The experiment",
        ),
        Choice(
            "Two variants differ by +0.0010, with the interval [−0.0007, +0.0027]. "
            "Which one is better?",
            (
                ("not clear", "The interval holds zero."),
                ("the first", "A difference of zero is within the interval."),
                (
                    "they are equal",
                    "That is not shown either: the interval has a width.",
                ),
            ),
            "How far from the mean?",
        ),
        Number(
            "The detail at a pixel is 0.02. What does the network get at the input "
            "scale 255?",
            5.1,
            0.01,
            "Now it is large beside the biases.",
            "Multiply.",
            "Biases and the scale of the input",
        ),
    ),
    "tasks": (
        Number(
            "Four exposures have equal activity at a place. Which weight has each?",
            0.25,
            0.001,
            "Equation (7) holds for any number of sources.",
            "The weights have the sum 1.",
            "Three and more sources: a stack of exposures",
        ),
        Choice(
            "The sources are shifted by two pixels against each other. Which number "
            "tells you?",
            (
                ("the SSIM against the truth", "If there is a truth."),
                ("SSIM_a", "It compares with the sources, which are shifted, too."),
                ("N_abf", "A doubled edge is in one of the sources, so no artifact."),
            ),
            "Misregistration: who notices?",
        ),
        Choice(
            "How does one fuse a grey image with a colour one, and keep the hues?",
            (
                (
                    "fuse the luminance, keep the chroma",
                    "As the library does by default.",
                ),
                (
                    "fuse red, green and blue each on its own",
                    "A grey source then pulls all three towards grey.",
                ),
                ("convert the result to colour", "The hue would have to be invented."),
            ),
            "Colour",
        ),
    ),
    "referee": (
        Choice(
            "A method wins AG, EI and SF. How many independent wins are that?",
            (
                ("one", "All three measure the gradients of the fused image."),
                ("three", "Look at their rank correlations."),
                ("none", "They measure something, but the same."),
            ),
            "Which metrics measure the same thing?",
        ),
        Number(
            "An image and its error are repeated as 2×2 tiles. By which factor does "
            "VIFB's RMSE change?",
            0.5,
            0.001,
            "It depends on the size of the image, as no error should.",
            "Its root stands over the number of pixels once too often.",
            "Two wrong roots",
        ),
        Choice(
            "Why does it count that others computed the numbers of a benchmark?",
            (
                (
                    "nobody chose them to look good here",
                    "Images, methods and metrics were there before.",
                ),
                ("they are more precise", "Two of its metrics are wrong."),
                ("they need no conventions", "Every metric has some."),
            ),
            "Data that nobody here made",
        ),
    ),
    "onestep": (
        Choice(
            "Why are the rules of a choice written down before anything is measured?",
            (
                (
                    "so that the choice cannot follow the results",
                    "And others can check it.",
                ),
                ("so that the results are better", "They may well be worse."),
                (
                    "so that fewer candidates are needed",
                    "The number is another matter.",
                ),
            ),
            "How it was chosen",
        ),
        Choice(
            "What decides how bright a warm target is in the fused image?",
            (
                (
                    "the weights of the bases",
                    "A target is larger than what the detail holds.",
                ),
                ("the gain of the detail", "The detail of a large area is near zero."),
                ("the selection of layers", "It only concerns the detail."),
            ),
            "Weights for the bases",
        ),
        Number(
            "Detail of 4 grey levels is fused with a gain of 1.3. How many grey levels "
            "has it then?",
            5.2,
            0.01,
            "Noise is raised by the same factor.",
            "Multiply.",
            "Weights for the detail",
        ),
    ),
    "style": (
        Choice(
            "Which of these does the Gram matrix of a layer not know?",
            (
                ("where a feature is strong", "It sums over all places."),
                ("which features are strong", "Its diagonal says so."),
                (
                    "which features are strong together",
                    "That is what its entries beside the diagonal say.",
                ),
            ),
            "Texture without places",
        ),
        Number(
            "A map of the content has the mean 2 and the deviation 1, that of the "
            "style 10 and 4. What does AdaIN make of the feature 3?",
            14,
            0.001,
            "One deviation above the mean, before and after.",
            "How many deviations above its mean is 3?",
            "Two numbers for each map",
        ),
        Choice(
            "What does the fusion method do with features of the fused image?",
            (
                (
                    "nothing, it never reads them",
                    "It reads those of the sources, and compares their activities.",
                ),
                (
                    "it makes them equal to those of the sources",
                    "That would be a search, as in style transfer.",
                ),
                (
                    "it gives them the moments of the sources",
                    "That is AdaIN, and changes the image.",
                ),
            ),
            "From target to measure",
        ),
    ),
    "history": (
        Choice(
            "What do wavelets, contourlets and shearlets share when they fuse?",
            (
                ("the rule", "Mean of the low bands, and the largest detail."),
                ("the number of directions", "Three, eight or sixteen on a level."),
                ("the number of samples", "Some drop samples, others keep all."),
            ),
            "Transforms, and one rule",
        ),
        Number(
            "A stationary wavelet transform has four levels. How many numbers does it "
            "make for each pixel?",
            13,
            0.001,
            "Three details on each level, and one low band.",
            "Each band has as many samples as the image. How many bands are there?",
            "Transforms, and one rule",
        ),
        Choice(
            "Why can guided filtering lose a warm target?",
            (
                (
                    "the target has fewer edges than what is around it",
                    "Its first masks ask which source has the larger Laplacian.",
                ),
                (
                    "the filter smooths the infrared image",
                    "It smooths masks; base and detail add up to the source.",
                ),
                (
                    "its weights do not have the sum one",
                    "They do, at each pixel, for base and for detail.",
                ),
            ),
            "Masks, filters and saliency",
        ),
    ),
}
