"""The collapse alarm: stops the fit of an embedding that has come to say the same of every photo."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from whichwhale.identify.config import AlarmConfig
from whichwhale.identify.heads import Head, Pulse

HORIZON = 50  # steps over which the running means forget
SHRUNK = 0.01  # of the largest spread so far


class Collapsed(ValueError):  # noqa: N818 (what happened to the fit)
    """The embedding says the same of every photo; the message says what to change."""


class CollapseAlarm(nn.Module):
    """Watches the pulse of a head (`heads.Pulse`) in every training step and raises Collapsed once it has been that of a network
    that says the same of every photo for `config.patience` steps, not counting the first `warmup`.

    Such a network has a triplet or contrastive loss of exactly the margin, a soft-margin triplet loss of ln 2, a cross entropy
    without margin of the whales' entropy (ln(classes) if all have as many photos), and embeddings without spread. A healthy
    network passes through such a loss but does not stay there. A cross entropy can also lie above that for long, as it does where
    a network of random weights begins: it is stuck there only while it doesn't fall.

    All that it knows is in buffers, so a resumed fit stops in the same step as one that ran through. `watch` reads nothing from
    the device; `check` does, every `config.every` steps. Ask it before a step: several processes then have the same buffers, the
    main one's, and all of them stop.
    """

    def __init__(self, config: AlarmConfig, head: Head, warmup: int = 0, name: str = "fit") -> None:
        super().__init__()
        self.config, self.warmup, self.name = config, warmup, name
        self._worse, self._advice = head.worse_is_stuck, head.advice()
        self._watches = type(head).pulse is not Head.pulse
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("seen", torch.zeros(2, dtype=torch.int64))  # steps that said something of excess, of spread
        self.register_buffer("means", torch.zeros(2))  # running means of excess and spread
        self.register_buffer("widest", torch.zeros(()))  # the largest running mean of the spread
        self.register_buffer("lowest", torch.tensor(math.inf))  # running mean of excess since it was last found to fall
        self.register_buffer("since", torch.full((2,), -1, dtype=torch.int64))  # first step of being stuck, shrunk; -1: it is not
        self._at: int | None = None  # `steps`, known without asking the device

    @torch.no_grad()
    def watch(self, pulse: Pulse | None) -> None:
        """Take in one training step."""
        self.steps += 1
        self._at = None if self._at is None else self._at + 1
        if pulse is None:
            return
        for place, value in enumerate((pulse.excess, pulse.spread)):
            if value is not None:
                self.seen[place] += 1
                self.means[place] += (value.detach() - self.means[place]) / self.seen[place].clamp(max=HORIZON)
        torch.maximum(self.widest, self.means[1], out=self.widest)

    @torch.no_grad()
    def check(self) -> None:
        """Raise Collapsed if that is what the steps so far say."""
        if self._at is None:
            self._at = int(self.steps)
        step, config = self._at, self.config
        if step <= self.warmup or step % config.every:
            return
        excess, spread = self.means.tolist()
        saw_excess, saw_spread = (self.seen > 0).tolist()
        limit = max(config.spread, SHRUNK * self.widest.item())
        stuck = saw_excess and (excess >= -config.tolerance if self._worse else abs(excess) <= config.tolerance)
        if self._worse and excess < self.lowest - config.tolerance:
            self.lowest.fill_(excess)
            self.since[0] = -1
        shrunk = saw_spread and spread < limit
        for place, (holds, what) in enumerate([(stuck, self._stuck(excess)), (shrunk, self._shrunk(spread, limit))]):
            start = int(self.since[place])
            if not holds:
                self.since[place] = -1
            elif start < 0:
                self.since[place] = step
            elif step - start >= config.patience:
                raise Collapsed(
                    f"{self.name}: the embedding has collapsed: for {step - start} steps {what}. To mend it: {self._advice}. "
                    "Start anew under another name=..., or delete the run's folder first; alarm.on=false goes on regardless"
                )

    def too_short(self, steps: int) -> str:
        """Why it can't sound in a fit of so many steps, for people; "" if it can, or if the head has nothing to watch."""
        every = self.config.every
        first = (self.warmup // every + 1) * every  # that is looked at
        needed = first + -(-self.config.patience // every) * every + 1  # asked before the step that would come after
        if steps >= needed or not self._watches:
            return ""
        return (
            f"{self.name}: too short for the collapse alarm, {steps} steps where it takes {needed} to sound; a lower "
            "alarm.patience would let it"
        )

    def _stuck(self, excess: float) -> str:
        near = f"{100 * abs(excess):.1f} % {'above' if excess > 0 else 'below'}"
        stayed = "not fallen below" if self._worse else "stayed at"
        return f"the loss has {stayed} that of a network that says the same of every photo (now {near} it)"

    def _shrunk(self, spread: float, limit: float) -> str:
        return f"the embeddings of a batch have lain in one point (variance of unit vectors {spread:.1e}, under {limit:.1e})"

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        """A checkpoint from before there was an alarm starts it anew."""
        for name, buffer in self.named_buffers():
            state_dict.setdefault(prefix + name, buffer.clone())
        super()._load_from_state_dict(state_dict, prefix, *rest)
        self._at = None
