#pragma once

namespace ymgr::cli {

/// -o table, wide, json, jsonl, csv, name.
enum class Format { text, wide, json, jsonl, csv, name };

}  // namespace ymgr::cli
