import Foundation

/// The package's files, found from this file's own place.
struct SourceTree {
    struct File {
        /// Path below the package's directory.
        var path: String
        var text: String

        private var parts: [Substring] { self.path.split(separator: "/") }
        var name: String { String(self.parts.last ?? "") }
        /// `Sources/LAYER/TARGET/…`
        var layer: String { self.parts.count > 3 ? String(self.parts[1]) : "" }
        var target: String { self.parts.count > 3 ? String(self.parts[2]) : "" }

        /// The modules that the file imports.
        var imports: [String] {
            let pattern =
                /^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+(?:(?:struct|class|enum|protocol|func|typealias|var|let)\s+)?(\w+)/
            return self.text.split(separator: "\n").compactMap { line in
                line.prefixMatch(of: pattern).map { String($0.1) }
            }
        }
    }

    let root: URL

    init(file: String = #filePath) {
        self.root = URL(fileURLWithPath: file)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    }

    /// Every Swift file below a directory of the package.
    func swiftFiles(under directory: String) throws -> [File] {
        try self.files(under: directory, named: ".swift")
    }

    /// The pages of documentation.
    func pages() throws -> [File] {
        try self.files(under: "docs", named: ".md")
            + [File(path: "README.md", text: self.text(of: "README.md"))]
    }

    func text(of path: String) throws -> String {
        try String(contentsOf: self.root.appendingPathComponent(path), encoding: .utf8)
    }

    /// Links of a page to files that do not exist.
    func deadLinks(of page: File) throws -> [String] {
        let folder = self.root.appendingPathComponent(page.path).deletingLastPathComponent()
        return page.text.matches(of: /\]\(([^)#:\s]+)(?:#[^)\s]*)?\)/).map { String($0.1) }
            .filter {
                let target = folder.appendingPathComponent($0).standardizedFileURL
                return !FileManager.default.fileExists(atPath: target.path)
            }
            .map { "\(page.path): there is no \($0)" }
    }

    private func files(under directory: String, named suffix: String) throws -> [File] {
        let start = self.root.appendingPathComponent(directory)
        guard let walk = FileManager.default.enumerator(atPath: start.path) else { return [] }
        return try walk.compactMap { $0 as? String }.filter { $0.hasSuffix(suffix) }.sorted()
            .map { name in
                let url = start.appendingPathComponent(name)
                return File(
                    path: "\(directory)/\(name)", text: try String(contentsOf: url, encoding: .utf8)
                )
            }
    }

    /// What stands in the package's directory, hidden entries left out.
    func topLevelEntries() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: self.root.path)
            .filter { !$0.hasPrefix(".") }.sorted()
    }
}
