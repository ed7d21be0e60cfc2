"""Slow readers of process reward models, each written from what its authors published: one chain at a time, every token through the whole model.

They take texts without tags. What is read by searching ids there is written with remembered positions in the package.
"""

import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForTokenClassification, AutoTokenizer


def _parts(directory, kind):
    return AutoTokenizer.from_pretrained(directory), kind.from_pretrained(directory).eval()


def qwen(directory, problem, steps):
    tokenizer, model = _parts(directory, AutoModel)
    head = load_file(directory / "model.safetensors")
    messages = [
        {"role": "system", "content": "Please reason step by step, and put your final answer within \\boxed{}."},
        {"role": "user", "content": problem},
        {"role": "assistant", "content": "<extra_0>".join(steps) + "<extra_0>"},
    ]
    ids = torch.tensor([tokenizer.encode(tokenizer.apply_chat_template(messages, tokenize=False))])
    hidden = model(ids).last_hidden_state[0]
    inner = torch.relu(hidden @ head["score.0.weight"].T + head["score.0.bias"])
    logits = inner @ head["score.2.weight"].T + head["score.2.bias"]
    return logits.softmax(-1)[ids[0] == tokenizer.encode("<extra_0>")[0], 1]


def math_shepherd(directory, problem, steps):
    tokenizer, model = _parts(directory, AutoModelForCausalLM)
    solution = "\n".join(f"Step {at}: {step} ки" for at, step in enumerate(steps, 1))
    ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer.encode(f"{problem} {solution}", add_special_tokens=False)]])
    candidates = tokenizer.convert_tokens_to_ids(["▁+", "▁-"])
    return model(ids).logits[0][:, candidates].softmax(-1)[ids[0] == tokenizer.convert_tokens_to_ids("▁ки"), 0]


def openr(directory, problem, steps):
    tokenizer, model = _parts(directory, AutoModelForCausalLM)
    tag = " \n\n\n\n\n"
    ids = torch.tensor([tokenizer.encode(f"{problem} " + f"{tag} ".join(steps) + tag)])
    candidates = tokenizer.encode(" + -")
    assert len(candidates) == 2
    return model(ids).logits[0][:, candidates].softmax(-1)[ids[0] == tokenizer.encode(tag)[0], 0]


def rlhflow(directory, problem, steps):
    tokenizer, model = _parts(directory, AutoModelForCausalLM)
    candidates = [tokenizer.encode("+")[-1], tokenizer.encode("-")[-1]]
    conversation, scores = [], []
    for at, step in enumerate(steps):
        conversation.append({"role": "user", "content": f"{problem} {step}" if at == 0 else step})
        conversation.append({"role": "assistant", "content": "+"})
        ids = torch.tensor([tokenizer.encode(tokenizer.apply_chat_template(conversation, tokenize=False), add_special_tokens=False)])
        scores.append(model(ids).logits[0, -3, candidates].softmax(-1)[0])  # before "+" and the end of the turn
    return torch.stack(scores)


def fover(directory, problem, steps):
    tokenizer, model = _parts(directory, AutoModelForCausalLM)
    candidates = [tokenizer.encode("incorrect")[0], tokenizer.encode("correct")[0]]
    conversation, scores = [], []
    for at, step in enumerate(steps):
        first = (
            f"** Problem **\n{problem}\n\n** Task **\nYour task is to evaluate the accuracy of each step in the provided solution to the above question. "
            'For each step, respond with "correct" if the reasoning is logically valid and mathematically sound, or if the step is a general statement or '
            'transition that does not contain reasoning. Respond with "incorrect" if the step includes any errors or flawed logic.\n\n'
            f"** Sotluion **\n{step}"
        )
        conversation.append({"role": "user", "content": step if at else first})
        text = tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True)
        scores.append(model(torch.tensor([tokenizer.encode(text)])).logits[0, -1, candidates].softmax(-1)[1])
        conversation.append({"role": "assistant", "content": "correct"})
    return torch.stack(scores)


def skywork(directory, problem, steps):
    tokenizer, model = _parts(directory, AutoModelForCausalLM)
    head = load_file(directory / "model.safetensors")
    ids = tokenizer.encode(tokenizer.bos_token + problem + "\n")
    ends = []
    for step in steps:
        ids += [*tokenizer.encode(step), tokenizer.encode("\n")[-1]]
        ends.append(len(ids) - 1)
    hidden = model(torch.tensor([ids]), output_hidden_states=True).hidden_states[-1][0]
    return torch.sigmoid(hidden @ head["v_head.summary.weight"].T + head["v_head.summary.bias"])[ends, 0]


def trl(directory, problem, steps, begins=True):
    tokenizer, model = _parts(directory, AutoModelForTokenClassification)
    ids = ([tokenizer.bos_token_id] if begins else []) + tokenizer.encode(problem, add_special_tokens=False)
    ends = []
    for step in steps:
        ids += tokenizer.encode(step, add_special_tokens=False) + tokenizer.encode("\n", add_special_tokens=False)
        ends.append(len(ids) - 1)
    return model(torch.tensor([ids])).logits[0, ends].softmax(-1)[:, 1]


def pure(directory, problem, steps):
    rewards = 2 * trl(directory, problem, steps, begins=False) - 1  # P(right) - P(wrong)
    return (rewards + 1) / 2


def reasoneval(directory, problem, steps):
    tokenizer, model = _parts(directory, AutoModel)
    head = load_file(directory / "model.safetensors")
    prompt, separator = f"Question:\n{problem}\nAnswer:\nLet's think step by step.\n", tokenizer.pad_token
    tokenised = [tokenizer.bos_token_id, *tokenizer.encode(prompt + separator + "".join(step + separator for step in steps), add_special_tokens=False)]
    labelled, adjusted, separators = [], [], 0
    for at, token in enumerate(tokenised):
        if token == tokenizer.pad_token_id:
            labelled.append(at - 1 - separators)
            separators += 1
        else:
            adjusted.append(token)
    hidden = model(torch.tensor([[tokenizer.bos_token_id, *adjusted]])).last_hidden_state[0]
    found = (hidden @ head["score_head.weight"].T + head["score_head.bias"]).softmax(-1)[labelled[2:]]
    return found[:, 1] + found[:, 2]


def prm_gym(directory, problem, steps):
    tokenizer, model = _parts(directory, AutoModelForTokenClassification)
    ids = [tokenizer.bos_token_id, *tokenizer.encode(problem), *tokenizer.encode("\n\n")]
    ends = []
    for step in steps:
        ids += [*tokenizer.encode(step), tokenizer.convert_tokens_to_ids("<|step|>")]
        ends.append(len(ids) - 1)
    return model(torch.tensor([ids])).logits[0, ends].softmax(-1)[:, 1]
