/// Holds a trace of calls against one rule: a file's name is durable before the file counts.
///
/// File systems often keep a new name although nobody has flushed its directory, as long as anything
/// else is flushed later; so a power cut rarely shows what is missing. The order of the calls does.
struct NameOrder {
    private(set) var violations: [String] = []
    /// Names that a power cut may still take: the directory, and the file.
    private var pending: [String: Set<String>] = [:]

    /// - Parameter trace: lines of `NUMBER CALL PATH BYTES`; paths begin at the disk's root.
    init(trace: String) {
        for line in trace.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 4 else { continue }
            self.observe(String(words[1]), String(words[2]), at: String(words[0]))
        }
        for (directory, names) in self.pending.sorted(by: { $0.key < $1.key })
        where !names.isEmpty {
            self.violations.append(
                "\(directory) was never flushed after \(names.sorted().joined(separator: ", "))")
        }
    }

    private mutating func observe(_ call: String, _ path: String, at number: String) {
        switch call {
        case "create", "make-directory", "rename", "unlink":
            // What has a temporary name is not meant to last, and a lock is made anew.
            guard !path.hasSuffix(".tmp"), !path.hasSuffix("/lock") else { return }
            self.pending[Self.parent(of: path), default: []].insert(path)
        case "flush-directory":
            self.pending[path] = nil
        case "write" where path.contains("/commitlog/"):
            // From here on messages may be acknowledged that need these names.
            let names = self.pending.values.joined().filter {
                $0 == path || $0.hasSuffix("log-identity") || $0.hasSuffix("/commitlog")
            }
            for name in names.sorted() {
                self.violations.append(
                    "call \(number): written while the name of \(name) may vanish")
                self.pending[Self.parent(of: name)]?.remove(name)
            }
        default: break
        }
    }

    private static func parent(of path: String) -> String {
        let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
        return parent.isEmpty ? "/" : parent
    }
}
