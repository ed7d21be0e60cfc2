"""Looking things up in texts: words, an exact BM25, and libraries of documents that are searched and read.

library = Library((Document("d1", "Ada", ("Ada was born in London.",)), Document("d2", "Bob", ("Bob was born in Rome.",))))
library.search("where was Ada born", 1)     # [Hit(document=0, sentence=0)]
"""

from prm_gym.retrieval.bm25 import BM25
from prm_gym.retrieval.library import Document, Hit, Library
from prm_gym.retrieval.words import normalized_answer, words

__all__ = ["BM25", "Document", "Hit", "Library", "normalized_answer", "words"]
