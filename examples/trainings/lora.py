"""LoRA on a small language model, made from a config: it learns to write sums of two digits."""

import logging
import sys
import tempfile

import peft
import torch
import transformers
from steepest.integrations.transformers import WatchCallback

transformers.set_seed(0)
transformers.utils.logging.disable_progress_bar()
logging.disable(logging.WARNING)
steps = int(sys.argv[1]) if len(sys.argv) > 1 else 200

characters = "0123456789+="
sums = [f"{a}+{b}={a + b:02d}" for a in range(10) for b in range(10)]
coded = torch.tensor([[characters.index(one) for one in text] for text in sums])
rows = [{"input_ids": row, "labels": row} for row in coded]

config = transformers.GPT2Config(
    vocab_size=len(characters), n_positions=8, n_embd=32, n_layer=2, n_head=4,
    bos_token_id=None, eos_token_id=None, loss_type="ForCausalLM",
)  # fmt: skip
model = peft.get_peft_model(
    transformers.GPT2LMHeadModel(config),
    peft.LoraConfig(r=4, lora_alpha=8, target_modules=["c_attn", "c_fc"], fan_in_fan_out=True),
)
callback = WatchCallback(name="lora")
with tempfile.TemporaryDirectory() as folder:
    arguments = transformers.TrainingArguments(
        output_dir=folder, max_steps=steps, per_device_train_batch_size=20, learning_rate=5e-3,
        report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True, use_cpu=True,
        dataloader_pin_memory=False,
    )  # fmt: skip
    transformers.Trainer(model, arguments, train_dataset=rows, callbacks=[callback]).train()
print(callback.watch.run)
