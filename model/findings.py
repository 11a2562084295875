"""The vocabulary: what EndoLink can say about a frame.

Codes are stable: they stand in bundles, verdicts, labels and archives. SNOMED CT codes are given
where the concept is certain and left out where it is not (a view's quality has none).
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["lesion", "landmark", "view-quality", "intervention"]
Region = Literal["upper", "lower", "small-bowel", "any"]


@dataclass(frozen=True)
class Finding:
    """One thing that may be seen in a frame."""

    code: str
    label: str
    label_zh: str
    kind: Kind
    region: Region
    snomed: str | None = None


_VOCABULARY = (
    # Lesions
    Finding("polyp", "Polyp", "息肉", "lesion", "lower", "68496003"),
    Finding("bleeding", "Bleeding", "出血", "lesion", "any", "74474003"),
    Finding("barretts", "Barrett's oesophagus", "巴雷特食管", "lesion", "upper", "302914006"),
    Finding(
        "barretts-short-segment",
        "Barrett's oesophagus, short segment",
        "短段巴雷特食管",
        "lesion",
        "upper",
    ),
    Finding("suspicious", "Suspicious area", "可疑病变", "lesion", "any"),
    Finding("hgd", "High-grade dysplasia", "高级别异型增生", "lesion", "any"),
    Finding("cancer", "Cancer", "癌", "lesion", "any", "363346000"),
    Finding("esophagitis-a", "Oesophagitis, grade A", "食管炎 A 级", "lesion", "upper"),
    Finding("esophagitis-b-d", "Oesophagitis, grade B-D", "食管炎 B-D 级", "lesion", "upper"),
    Finding("esophagitis", "Oesophagitis", "食管炎", "lesion", "upper", "16761005"),
    Finding(
        "esophageal-varices", "Oesophageal varices", "食管静脉曲张", "lesion", "upper", "28670008"
    ),
    Finding("gastric-polyp", "Gastric polyp", "胃息肉", "lesion", "upper"),
    Finding("ulcer", "Ulcer", "溃疡", "lesion", "any"),
    Finding("erosion", "Erosion", "糜烂", "lesion", "any"),
    Finding("erythema", "Erythema", "红斑", "lesion", "any"),
    Finding("angiectasia", "Angiectasia", "血管扩张", "lesion", "any"),
    Finding("lymphangiectasia", "Lymphangiectasia", "淋巴管扩张", "lesion", "small-bowel"),
    Finding("altered-blood", "Altered blood (haematin)", "陈旧性出血", "lesion", "any"),
    Finding("foreign-body", "Foreign body", "异物", "lesion", "any"),
    Finding("diverticula", "Diverticula", "憩室", "lesion", "lower"),
    Finding("mucosal-inflammation", "Inflamed mucosa", "黏膜炎症", "lesion", "lower"),
    Finding("hemorrhoids", "Haemorrhoids", "痔", "lesion", "lower", "70153002"),
    # Grades of ulcerative colitis are Mayo endoscopic scores; 0 is inactive disease.
    Finding(
        "ulcerative-colitis", "Ulcerative colitis", "溃疡性结肠炎", "lesion", "lower", "64766004"
    ),
    Finding(
        "ulcerative-colitis-grade-0",
        "Ulcerative colitis, grade 0",
        "溃疡性结肠炎 0 级",
        "lesion",
        "lower",
    ),
    Finding(
        "ulcerative-colitis-grade-0-1",
        "Ulcerative colitis, grade 0-1",
        "溃疡性结肠炎 0-1 级",
        "lesion",
        "lower",
    ),
    Finding(
        "ulcerative-colitis-grade-1",
        "Ulcerative colitis, grade 1",
        "溃疡性结肠炎 1 级",
        "lesion",
        "lower",
    ),
    Finding(
        "ulcerative-colitis-grade-1-2",
        "Ulcerative colitis, grade 1-2",
        "溃疡性结肠炎 1-2 级",
        "lesion",
        "lower",
    ),
    Finding(
        "ulcerative-colitis-grade-2",
        "Ulcerative colitis, grade 2",
        "溃疡性结肠炎 2 级",
        "lesion",
        "lower",
    ),
    Finding(
        "ulcerative-colitis-grade-2-3",
        "Ulcerative colitis, grade 2-3",
        "溃疡性结肠炎 2-3 级",
        "lesion",
        "lower",
    ),
    Finding(
        "ulcerative-colitis-grade-3",
        "Ulcerative colitis, grade 3",
        "溃疡性结肠炎 3 级",
        "lesion",
        "lower",
    ),
    # Landmarks
    Finding("cecum", "Cecum", "盲肠", "landmark", "lower", "32713005"),
    Finding("ileum", "Terminal ileum", "回肠末端", "landmark", "lower", "85774003"),
    Finding("ileocecal-valve", "Ileocecal valve", "回盲瓣", "landmark", "lower"),
    Finding("ampulla-of-vater", "Ampulla of Vater", "十二指肠乳头", "landmark", "small-bowel"),
    Finding("duodenal-bulb", "Duodenal bulb", "十二指肠球部", "landmark", "upper"),
    Finding("normal-esophagus", "Normal oesophagus", "正常食管", "landmark", "upper", "32849002"),
    Finding("normal-stomach", "Normal stomach", "正常胃", "landmark", "upper", "69695003"),
    Finding(
        "normal-small-bowel",
        "Normal small bowel",
        "正常小肠",
        "landmark",
        "small-bowel",
        "30315005",
    ),
    Finding("normal-colon", "Normal colon", "正常结肠", "landmark", "lower", "14742008"),
    Finding("pylorus", "Pylorus", "幽门", "landmark", "upper", "280119005"),
    Finding("z-line", "Z-line", "齿状线", "landmark", "upper"),
    Finding("retroflex-rectum", "Rectum, retroflexed", "直肠反转观察", "landmark", "lower"),
    Finding("retroflex-stomach", "Stomach, retroflexed", "胃反转观察", "landmark", "upper"),
    # View quality
    Finding("bbps-2-3", "Clean bowel (BBPS 2-3)", "肠道清洁（BBPS 2-3）", "view-quality", "lower"),
    Finding(
        "bbps-0-1", "Poor preparation (BBPS 0-1)", "肠道准备差（BBPS 0-1）", "view-quality", "lower"
    ),
    Finding("impacted-stool", "Impacted stool", "粪便嵌塞", "view-quality", "lower"),
    Finding(
        "reduced-mucosal-view", "Reduced view of the mucosa", "黏膜视野受限", "view-quality", "any"
    ),
    # Interventions
    Finding("accessory-tools", "Accessory tool in view", "视野内有器械", "intervention", "any"),
    Finding("resected-polyp", "Resected polyp", "已切除的息肉", "intervention", "lower"),
    Finding("resection-margin", "Resection margin", "切除边缘", "intervention", "lower"),
    Finding("dyed-lifted-polyps", "Dyed and lifted polyp", "染色抬举息肉", "intervention", "lower"),
    Finding(
        "dyed-resection-margins", "Dyed resection margin", "染色切除边缘", "intervention", "lower"
    ),
)

FINDINGS: dict[str, Finding] = {finding.code: finding for finding in _VOCABULARY}


def finding(code: str) -> Finding:
    """Look a finding up by its code.

    Raises
    ------
    KeyError
        The code is not in the vocabulary; the message lists those that are.
    """
    try:
        return FINDINGS[code]
    except KeyError:
        known = ", ".join(FINDINGS)
        raise KeyError(f"no finding is called {code!r}; known are: {known}") from None
