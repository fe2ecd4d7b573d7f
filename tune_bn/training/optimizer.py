"""Stochastic gradient descent with Nesterov's momentum, step for step that of torch.

`torch.optim.SGD` does the same and is the reference in the tests. It is not used because making
the first one imports torch's compiler, which takes seconds (torch 2.13) in every process that
trains: as long as several of the small networks that this tool tries.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

__all__ = ["NesterovSGD"]


class NesterovSGD:
    """Updates parameters in place by their gradients; the step size may differ in each step.

    With gradient g, weight decay λ, momentum μ, velocity v (0 at first) and step size α, in the
    form of torch: g ← g + λθ for weight matrices; v ← μv + g; θ ← θ - α(g + μv).

    Args:
        parameters: What is updated; weight decay acts on those with two dimensions or more.
        momentum: μ, at least 0 and below 1.
        weight_decay: λ, at least 0.

    Example:
        >>> theta = torch.nn.Parameter(torch.tensor([1.0]))
        >>> optimizer = NesterovSGD([theta], momentum=0.5, weight_decay=0.0)
        >>> theta.square().sum().backward()
        >>> optimizer.step(0.1)
        >>> theta.item()  # 1 - 0.1 * (2 + 0.5 * 2)
        0.699999988079071
    """

    def __init__(
        self,
        parameters: Sequence[torch.nn.Parameter],
        *,
        momentum: float,
        weight_decay: float,
    ) -> None:
        self._momentum = momentum
        self._weight_decay = weight_decay
        self._parameters = list(parameters)
        self._velocities = [torch.zeros_like(parameter) for parameter in self._parameters]

    @torch.no_grad()
    def step(self, step_size: float) -> None:
        """Updates each parameter that has a gradient, and leaves none behind."""
        places = [i for i, p in enumerate(self._parameters) if p.grad is not None]
        parameters = [self._parameters[place].data for place in places]
        velocities = [self._velocities[place] for place in places]
        gradients = [g for p in self._parameters if (g := p.grad) is not None]
        matrices = [place for place, p in enumerate(parameters) if p.ndim > 1]
        if self._weight_decay and matrices:
            torch._foreach_add_(
                [gradients[place] for place in matrices],
                [parameters[place] for place in matrices],
                alpha=self._weight_decay,
            )
        torch._foreach_mul_(velocities, self._momentum)
        torch._foreach_add_(velocities, gradients)
        torch._foreach_add_(gradients, velocities, alpha=self._momentum)
        torch._foreach_add_(parameters, gradients, alpha=-step_size)
        for parameter in self._parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, list[torch.Tensor]]:
        """Returns the velocities, which the next steps go on changing."""
        return {"velocities": self._velocities}

    def load_state_dict(self, state: dict[str, list[torch.Tensor]]) -> None:
        """Copies the velocities that `state_dict` returned.

        Raises:
            ValueError: They are of other parameters.
        """
        loaded = state["velocities"]
        own = [tuple(velocity.shape) for velocity in self._velocities]
        found = [tuple(velocity.shape) for velocity in loaded]
        if own != found:
            raise ValueError(
                f"NesterovSGD needs velocities of shapes {own}, but got {found}. "
                "Load the state of the same network."
            )
        for velocity, value in zip(self._velocities, loaded, strict=True):
            velocity.copy_(value)
