"""The training task: views of the galaxies in, loss out, and how the weights follow it."""

import logging
from collections.abc import Mapping

import lightning
import torch
from torch import Tensor
from torch.optim import lr_scheduler

from galaxypair import losses, model, tables
from galaxypair.frozen import frozen_modalities
from galaxypair.views import augment

logger = logging.getLogger(__name__)

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
    ) -> None:
        super().__init__()
        self.settings = settings
        self.crop_px = model_settings["image"]["crop_px"]
        self.total_steps = settings["epochs"] * steps_per_epoch
        self.model = model.build(model_settings)
        self.frozen = frozen_modalities(model_settings)
        self.model.freeze(self.frozen)
        self.loss = losses.ContrastiveLoss(
            settings["loss"], model_settings["logit_scale"], settings["learnable_scale"]
        )
        self._features = {split: dict(found) for split, found in (features or {}).items()}

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

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Take a view of each galaxy by its own draw, embed and compare."""
        # tied to the step, so that a resumed training equals an undisturbed one; the global
        # generator serves dropout
        step_seed = self.settings["seed"] * 1_000_003 + self.global_step
        # without a GPU not for all kinds of devices, which takes milliseconds
        (torch if self.device.type == "cuda" else torch.default_generator).manual_seed(step_seed)
        generator = torch.Generator().manual_seed(step_seed)
        loss = self._loss("train", batch, generator)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch["row"]))
        return loss

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Measure the loss without augmentations."""
        loss = self._loss("val", batch, None)
        self.log("val_loss", loss, on_epoch=True, batch_size=len(batch["row"]))

    def _loss(self, split: str, batch: dict[str, Tensor], generator: torch.Generator | None) -> Tensor:
        return self.loss(*(self._embed(m, split, batch, generator) for m in tables.MODALITIES))

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
        if self.settings["schedule"] == "plateau":
            plateau = lr_scheduler.ReduceLROnPlateau(optimiser, **self.settings["plateau"])
            # never by Lightning, which forgets the step of the epoch that it resumes after
            by_itself = {"monitor": "train_loss", "frequency": self.settings["epochs"] + 1}
            return {"optimizer": optimiser, "lr_scheduler": {"scheduler": plateau, **by_itself}}
        if self.settings["schedule"] == "cosine":
            schedule = lr_scheduler.CosineAnnealingLR(optimiser, self.total_steps)
        else:
            schedule = lr_scheduler.OneCycleLR(optimiser, rate, total_steps=self.total_steps)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_epoch_end(self) -> None:
        """Let a plateau schedule see the mean loss of the epoch."""
        if self.settings["schedule"] == "plateau":
            self.lr_schedulers().step(self.trainer.callback_metrics["train_loss"])

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Leave the frozen encoders out."""
        for name in self._frozen_state():
            del checkpoint["state_dict"][name]

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """Fill in the frozen encoders, which are loaded already."""
        checkpoint["state_dict"].update(self._frozen_state())

    def _frozen_state(self) -> dict[str, Tensor]:
        prefixes = tuple(f"model.encoders.{modality}." for modality in self.frozen)
        return {name: value for name, value in self.state_dict().items() if name.startswith(prefixes)}
