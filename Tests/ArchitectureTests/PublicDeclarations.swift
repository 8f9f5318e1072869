/// The public declarations of some files, and those that nobody has described.
///
/// A scan of lines, not a parser: the formatter keeps each declaration's first line to one form.
struct PublicDeclarations {
    private let files: [SourceTree.File]
    /// What public protocols ask for: whoever conforms need not describe it again.
    private let requirements: Set<Substring>

    init(_ files: [SourceTree.File]) {
        self.files = files
        self.requirements = Set(
            files.flatMap { Self.members(of: "protocol", in: $0.lines) }
                .compactMap { $0.line.firstMatch(of: Self.function)?.1 })
    }

    var undocumented: [String] {
        self.files.flatMap { file in
            let lines = file.lines
            let found =
                lines.indices.filter { self.needsWords(lines[$0]) }
                + Self.members(of: "enum", in: lines, beginning: "case ").map(\.index)
                + Self.members(of: "protocol", in: lines, beginning: "func ").map(\.index)
            return found.sorted().filter { !Self.hasWords(above: $0, in: lines) }.map {
                "\(file.path):\($0 + 1): nobody says what this is: \(lines[$0].trimmed)"
            }
        }
    }

    /// The names of types and functions that are not members of anything.
    var topLevelNames: [String] {
        let pattern =
            /^public (?:final )?(?:struct|class|enum|protocol|actor|typealias|func) (\w+)/
        return self.files.flatMap(\.lines).filter { $0.hasPrefix("public ") }
            .compactMap { $0.firstMatch(of: pattern).map { String($0.1) } }
    }

    // MARK: Lines

    private static var function: Regex<(Substring, Substring)> { /\bfunc (\w+)/ }
    private static var declaration: Regex<Substring> {
        /^ *public (?:[a-z]+(?:\([a-z]+\))? )*?(?:init|func|var|let|struct|enum|class|actor|protocol|typealias|subscript)\b/
    }

    /// What the standard library's protocols ask for, and initializers that take nothing.
    private static var wellKnown: Regex<Substring> {
        /public (?:init\(\)|var description\b|struct Iterator\b|typealias (?:Element|Failure)\b|func (?:next|makeAsyncIterator)\(|static func (?:<|==) )/
    }

    private func needsWords(_ line: Substring) -> Bool {
        guard line.trimmed.hasPrefix("public "), line.firstMatch(of: Self.declaration) != nil,
            line.firstMatch(of: Self.wellKnown) == nil
        else { return false }
        let name = line.firstMatch(of: Self.function)?.1
        return name.map { !self.requirements.contains($0) } ?? true
    }

    private static func hasWords(above index: Int, in lines: [Substring]) -> Bool {
        let above = lines[..<index].last { !$0.trimmed.hasPrefix("@") }
        return above?.trimmed.hasPrefix("///") ?? false
    }

    /// The members that a public enum or protocol declares, each by its first line.
    private static func members(
        of kind: String, in lines: [Substring], beginning: String = ""
    ) -> [(index: Int, line: Substring)] {
        var members: [(index: Int, line: Substring)] = []
        var indentation: Int?
        for (index, line) in lines.enumerated() {
            if let outer = indentation {
                if line.indentation == outer, line.trimmed == "}" { indentation = nil }
                let isMember = line.indentation == outer + 4 && line.trimmed.hasPrefix(beginning)
                if isMember { members.append((index, line)) }
            } else if line.trimmed.hasPrefix("public \(kind) "), line.hasSuffix("{") {
                indentation = line.indentation
            }
        }
        return members
    }
}

extension SourceTree.File {
    fileprivate var lines: [Substring] {
        self.text.split(separator: "\n", omittingEmptySubsequences: false)
    }
}

extension Substring {
    fileprivate var indentation: Int { self.prefix { $0 == " " }.count }
    fileprivate var trimmed: Substring { self.drop { $0 == " " } }
}
