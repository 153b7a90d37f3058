"""The training task: views of the galaxies in, loss out, and how the weights follow it."""

import logging
from collections.abc import Mapping, Sequence

import lightning
import torch
from torch import Tensor

from galaxypair import losses, model, schedules, tables
from galaxypair.encoders.base import ReadingEncoder
from galaxypair.frozen import frozen_modalities
from galaxypair.views import augment

logger = logging.getLogger(__name__)

RANK_STRIDE = 0x9E3779B9  # between the seeds of processes; CPU generators look at 32 bits of a seed

READOUT = {"redshift", "mass", "other"}  # layers of compact encoders
OPTIMISERS = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}
Features = dict[str, Tensor]  # modality to (n_galaxies, n_views, n_features)


class ContrastiveTask(lightning.LightningModule):
    """One training: model, loss, augmentations and optimiser.

    Parameters
    ----------
    model_settings, settings : dict
        Sections `model` and `train` of the config.
    steps_per_epoch : int
    features : mapping of {"train", "val"} to Features, optional
        Of frozen encoders, in the order of the split's dataset, see `features.read`. A frozen encoder
        without them runs in every step.
    rank : int, default=0
        Of this process: each draws its own augmentations.
    shares : mapping of {"train", "val"} to sequence of int, optional
        Galaxies of a joint batch that each process takes, if there are several.

    Notes
    -----
    Checkpoints leave out the frozen encoders, which would be most of them and never change.
    """

    def __init__(
        self,
        model_settings: dict,
        settings: dict,
        steps_per_epoch: int,
        features: Mapping[str, Features] | None = None,
        *,
        rank: int = 0,
        shares: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        super().__init__()
        self._rank, self._shares = rank, shares or {}
        self._sum, self._steps = torch.zeros((), dtype=torch.float64), 0  # of the epoch's losses
        self.settings = settings
        self.crop_px = model_settings["image"]["crop_px"]
        self.total_steps = settings["epochs"] * steps_per_epoch
        self.model = model.build(model_settings)
        self.frozen = frozen_modalities(model_settings)
        self.model.freeze(self.frozen)
        _freeze_readouts(self.model)
        self.loss = losses.ContrastiveLoss(
            settings["loss"], model_settings["logit_scale"], settings["learnable_scale"]
        )
        self._features = {split: dict(found) for split, found in (features or {}).items()}

    def compile_parts(self) -> None:
        """Let PyTorch compile encoders and heads where they are: names of weights stay as they are."""
        for part in [*self.model.encoders.values(), *self.model.heads.values()]:
            part.compile(dynamic=False)  # batches are of one size; images and spectra share `forward`

    def on_fit_start(self) -> None:
        """Bring the features to where the heads are, if there is room for them."""
        if running := [m for m in self.frozen if m not in self._features.get("train", {})]:
            logger.info(
                "no stored features: the frozen encoder of %s runs in every step", " and ".join(running)
            )
        if self.device.type != "cuda":
            return
        stored = [values for found in self._features.values() for values in found.values()]
        needed = sum(values.nbytes for values in stored)
        free, _ = torch.cuda.mem_get_info(self.device)
        if needed < free / 2:
            self._features = {
                split: {m: values.to(self.device) for m, values in found.items()}
                for split, found in self._features.items()
            }
        else:
            logger.info("%.1f GB of features do not fit into the GPU: they stay in memory", needed / 1e9)

    def on_train_epoch_start(self) -> None:
        """Start the mean loss of the epoch, unless the epoch is resumed."""
        self._sum, self._steps = torch.zeros((), dtype=torch.float64, device=self.device), 0

    @property
    def epoch_loss(self) -> float:
        """Mean train loss of the epoch so far; the same in every process."""
        return float(self._sum) / max(self._steps, 1)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Take a view of each galaxy by its own draw, embed and compare."""
        # tied to the step, so that a resumed training equals an undisturbed one; the global
        # generator serves dropout
        step_seed = self.settings["seed"] * 1_000_003 + self.global_step + self._rank * RANK_STRIDE
        # without a GPU not for all kinds of devices, which takes milliseconds
        (torch if self.device.type == "cuda" else torch.default_generator).manual_seed(step_seed)
        generator = torch.Generator().manual_seed(step_seed)
        loss = self._loss("train", batch, generator)
        self._sum, self._steps = self._sum + loss.detach(), self._steps + 1
        return loss

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Measure the loss without augmentations."""
        loss = self._loss("val", batch, None)
        self.log("val_loss", loss, on_epoch=True, batch_size=len(batch["row"]), sync_dist=True)

    def _loss(self, split: str, batch: dict[str, Tensor], generator: torch.Generator | None) -> Tensor:
        embedded = (self._embed(m, split, batch, generator) for m in tables.MODALITIES)
        sizes = self._shares.get(split, [len(batch["row"])])
        return self.loss(*(losses.gather(rows, sizes) for rows in embedded))

    def _embed(
        self, modality: str, split: str, batch: dict[str, Tensor], generator: torch.Generator | None
    ) -> Tensor:
        if modality in self._features.get(split, {}):
            stored = self._features[split][modality]
            view = (
                torch.zeros(len(batch["row"]), dtype=torch.int64)
                if generator is None
                else torch.randint(stored.shape[1], (len(batch["row"]),), generator=generator)
            )
            features = stored[batch["row"].to(stored.device), view.to(stored.device)]
            return self.model.heads[modality](features.to(self.device, torch.float32))
        raw = batch[modality]
        if generator is not None:
            raw = augment(modality, raw, self.settings, self.crop_px, generator)
        return self.model.embed(modality, raw, batch["z"])

    def configure_optimizers(self) -> dict:
        """Optimiser and schedule; what the loss learns does not decay."""
        rate, decay = self.settings["learning_rate"], self.settings["weight_decay"]
        groups = [{"params": [p for p in self.model.parameters() if p.requires_grad], "weight_decay": decay}]
        if learned := list(self.loss.parameters()):
            groups.append({"params": learned, "weight_decay": 0.0})
        # one pass over the weights instead of ten: of heads alone a tenth of a step. In mixed precision
        # Lightning cannot clip the gradients of a fused one
        fused = self.settings["precision"] == "32-true"
        optimiser = OPTIMISERS[self.settings["optimizer"]](groups, rate, fused=fused)
        return {
            "optimizer": optimiser,
            "lr_scheduler": schedules.build(optimiser, self.settings, self.total_steps),
        }

    def on_train_epoch_end(self) -> None:
        """Log the mean loss of the epoch, and let a plateau schedule see it."""
        self.log("train_loss", self.epoch_loss, sync_dist=True)
        if self.settings["schedule"] == "plateau":
            self.lr_schedulers().step(self.epoch_loss)

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Leave the frozen encoders out; keep the losses of an epoch that is not done."""
        checkpoint["epoch_loss"] = {"sum": float(self._sum), "steps": self._steps}
        for name in self._frozen_state():
            del checkpoint["state_dict"][name]

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """Fill in the frozen encoders, which are loaded already."""
        kept = checkpoint["epoch_loss"]
        self._sum = torch.tensor(kept["sum"], dtype=torch.float64, device=self.device)
        self._steps = kept["steps"]
        checkpoint["state_dict"].update(self._frozen_state())

    def _frozen_state(self) -> dict[str, Tensor]:
        prefixes = tuple(f"model.encoders.{modality}." for modality in self.frozen)
        return {name: value for name, value in self.state_dict().items() if name.startswith(prefixes)}


def _freeze_readouts(made: model.PairModel) -> None:
    """Leave out layers that no embedding depends on: several processes would wait for their gradients."""
    for encoder in made.encoders.values():
        if isinstance(encoder, ReadingEncoder):
            for name in READOUT & dict(encoder.named_children()).keys():
                getattr(encoder, name).requires_grad_(False)
