"""What a proposal begins with: headings, and what belongs under each, by kind and language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.proposals.domain.workflows import CLIENT, INTERNAL, PITCH
from shared.problem import invalid

LANGUAGES = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Template:
    """A beginning for a kind of proposal. `sections`: heading and prompt, which the author replaces."""

    id: str
    kind: str
    language: str
    name: str
    sections: tuple[tuple[str, str], ...]


TEMPLATES: tuple[Template, ...] = (
    Template(
        "internal",
        INTERNAL,
        "zh",
        "内部提案",
        (
            ("要解决的问题", "谁受影响、多久一次、现在怎么办。"),
            ("建议", "做什么，由谁做，从哪天开始。"),
            ("成本与收益", "人天、费用，以及怎样看出它值得。"),
            ("风险与替代方案", "不做会怎样；考虑过但放弃的做法。"),
            ("请求的决定", "请谁在哪天之前决定什么。"),
        ),
    ),
    Template(
        "internal",
        INTERNAL,
        "en",
        "Internal proposal",
        (
            ("The problem", "Whom it touches, how often, and what they do today."),
            ("What we propose", "What is done, by whom, from which day."),
            ("Cost and gain", "Days, money, and how we shall see that it was worth it."),
            ("Risks and alternatives", "What happens if we do nothing; what we considered and dropped."),
            ("The decision we ask for", "Who decides what, and by when."),
        ),
    ),
    Template(
        "client",
        CLIENT,
        "zh",
        "客户提案",
        (
            ("客户的任务", "用客户的话写：要改变什么，到什么时候。"),
            ("我们知道什么", "引用情报：企业、市场、竞争、用户。每个判断都注明出处。"),
            ("洞察与策略", "一句话的策略，以及它为什么成立。"),
            ("创意与渠道", "同一个讯息怎样走遍各个渠道。"),
            ("执行计划", "阶段、里程碑、双方的分工。"),
            ("衡量", "目标、口径、数据来源、复盘时间。"),
            ("预算与条款", "见预算表；报价有效期与付款条件。"),
        ),
    ),
    Template(
        "client",
        CLIENT,
        "en",
        "Client proposal",
        (
            ("The client's task", "In their words: what is to change, and by when."),
            ("What we know", "Cite findings on the company, its market, rivals and users."),
            ("Insight and strategy", "The strategy in one sentence, and why it holds."),
            ("Idea and channels", "How one message travels through every means."),
            ("Plan", "Phases, milestones, and who does what on either side."),
            ("Measurement", "Targets, definitions, sources of data, dates of review."),
            ("Budget and terms", "See the budget; validity of the offer and terms of payment."),
        ),
    ),
    Template(
        "retainer",
        CLIENT,
        "zh",
        "年度服务提案",
        (
            ("过去一年", "做了什么，结果如何，客户怎么说。"),
            ("下一年的目标", "与客户的业务目标逐条对应。"),
            ("服务范围", "包含什么，不包含什么。"),
            ("团队", "谁负责，投入多少时间。"),
            ("费用与考核", "月费、绩效部分和双方的评估方式。"),
        ),
    ),
    Template(
        "retainer",
        CLIENT,
        "en",
        "Retainer for a year",
        (
            ("The past year", "What was done, what came of it, what the client says."),
            ("Next year's objectives", "Each tied to one of the client's own."),
            ("Scope", "What is included and what is not."),
            ("Team", "Who leads, and how much time they give."),
            ("Fee and review", "Monthly fee, performance part, and how both sides evaluate."),
        ),
    ),
    Template(
        "pitch",
        PITCH,
        "zh",
        "比稿提案",
        (
            ("我们对题目的理解", "客户真正要解决的问题；我们问过的问题和得到的回答。"),
            ("市场与受众", "引用情报，标明可信度。"),
            ("策略", "我们与其他代理商不同的判断。"),
            ("创意", "核心概念和三个应用。"),
            ("团队与合作方式", "台上的人就是做事的人。"),
            ("报价", "见预算表。"),
        ),
    ),
    Template(
        "pitch",
        PITCH,
        "en",
        "Pitch",
        (
            ("How we read the brief", "The problem behind it; what we asked and were told."),
            ("Market and audience", "Cite findings, with how far they can be believed."),
            ("Strategy", "Where we judge otherwise than the other agencies will."),
            ("Idea", "The concept and three uses of it."),
            ("Team and way of working", "Who presents is who does the work."),
            ("Price", "See the budget."),
        ),
    ),
)


def template(template_id: str, kind: str, language: str) -> Template | None:
    """The template of a kind in a language, or None where there is none."""
    return next((t for t in TEMPLATES if (t.id, t.kind, t.language) == (template_id, kind, language)), None)


def sections_of(template_id: str, kind: str, language: str) -> list[dict[str, Any]]:
    """The sections that a template begins with. Raises 422 for one that there is not."""
    found = template(template_id, kind, language)
    if found is None:
        raise invalid({"template": "There is no such template."})
    return [{"heading": heading, "body": prompt, "citations": []} for heading, prompt in found.sections]
