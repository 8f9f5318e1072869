/// The rules, applied. Each function names what breaks them: file, fact, rule.
enum Violations {
    /// Imports that the layer of the file does not allow.
    static func imports(of files: [SourceTree.File]) -> [String] {
        let layers = Dictionary(
            files.map { ($0.target, $0.layer) }, uniquingKeysWith: { first, _ in first }
        ).merging(["CChecksum": "Formats"]) { first, _ in first }
        return files.flatMap { file -> [String] in
            guard let rule = LayerRule.rule(layer: file.layer, target: file.target) else {
                return ["\(file.path): no layer is named '\(file.layer)'"]
            }
            return file.imports.filter { !rule.allows($0, layerOf: { layers[$0] }) }
                .map { "\(file.path): \(file.layer) may not import \($0)" }
        }
    }

    /// File names that say that an idea has no name yet.
    static func names(of files: [SourceTree.File]) -> [String] {
        let vague: Set<Substring> = [
            "Util", "Utils", "Utility", "Utilities", "Helper", "Helpers", "Manager", "Managers",
            "Impl", "Common", "Misc",
        ]
        return files.flatMap { file in
            Self.words(file.name).filter(vague.contains)
                .map { "\(file.path): '\($0)' names no idea" }
        }
    }

    static func topLevel(_ entries: [String]) -> [String] {
        let allowed: Set = [
            "LICENSE", "NOTICE", "Package.resolved", "Package.swift", "Procfile", "README.md",
            "Sources", "Tests", "cluster", "docs",
        ]
        return entries.filter { !allowed.contains($0) }
            .map { "\($0) does not belong in the package's top directory" }
    }

    /// `RouteTable+Checks.swift` is Route, Table, Checks, swift; so `Implicit` is not `Impl`.
    private static func words(_ name: String) -> [Substring] {
        var words: [Substring] = []
        var start = name.startIndex
        for index in name.indices.dropFirst() {
            guard name[index].isUppercase || !name[index].isLetter else { continue }
            words.append(name[start..<index])
            start = index
        }
        return words + [name[start...]]
    }
}
