import MessageFormat

/// Where the files of a log lie.
struct LogPaths: Hashable, Sendable {
    let root: String

    var commitLog: String { self.root + "/commitlog" }
    var index: String { self.root + "/index" }
    var lock: String { self.root + "/lock" }
    var identity: String { "\(self.root)/\(LogIdentity.fileName)" }

    func segment(_ base: PhysicalOffset) -> String { "\(self.commitLog)/\(Self.digits(base))" }
    func index(_ base: PhysicalOffset) -> String { "\(self.index)/\(Self.indexName(base))" }

    static func indexName(_ base: PhysicalOffset) -> String { Self.digits(base) + ".index" }

    /// A position in 20 digits, so that names sort as positions do.
    static func digits(_ base: PhysicalOffset) -> String {
        let digits = String(base.bytes)
        return String(repeating: "0", count: 20 - digits.count) + digits
    }

    /// The position in a file's name, nil when the name is not 20 digits and `suffix`.
    static func base(ofName name: String, suffix: String = "") -> PhysicalOffset? {
        guard name.utf8.count == 20 + suffix.utf8.count, name.hasSuffix(suffix) else { return nil }
        let digits = name.utf8.prefix(20)
        guard digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(String(decoding: Array(digits), as: UTF8.self)).map { PhysicalOffset($0) }
    }
}
