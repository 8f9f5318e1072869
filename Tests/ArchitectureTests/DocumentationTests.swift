import Testing

@Suite("what users see is described")
struct DocumentationTests {
    private func undocumented(_ text: String) -> Int {
        PublicDeclarations([
            SourceTree.File(path: "Sources/Services/ApusClient/A.swift", text: text)
        ])
        .undocumented.count
    }

    @Test(
        "every public declaration has a comment",
        arguments: ["Sources/Services/ApusClient", "Sources/Testing/ApusTesting"])
    func publicDeclarations(directory: String) throws {
        let files = try SourceTree().swiftFiles(under: directory)
        #expect(files.count > 5, "the walk must find them")
        #expect(PublicDeclarations(files).undocumented == [])
    }

    @Test("the client's landing page leads to every type")
    func landingPage() throws {
        let folder = "Sources/Services/ApusClient"
        let page = try SourceTree().text(of: "\(folder)/ApusClient.docc/ApusClient.md")
        let names = try PublicDeclarations(SourceTree().swiftFiles(under: folder)).topLevelNames
        #expect(names.count > 30, "the scan must find them")
        #expect(names.filter { !page.contains("``\($0)`") && !page.contains("``\($0)(") } == [])
    }

    @Test("every file that a page links to is there")
    func links() throws {
        let pages = try SourceTree().pages()
        #expect(pages.count > 20, "the walk must find them")
        #expect(try pages.flatMap { try SourceTree().deadLinks(of: $0) } == [])
        let lost = SourceTree.File(path: "docs/a.md", text: "[a](../README.md#b) [b](nowhere.md)")
        #expect(try SourceTree().deadLinks(of: lost).count == 1)
    }

    @Test(
        "a declaration without a word is noticed, whatever it is",
        arguments: [
            "public struct A {}", "    public var a: Int", "    public static let a = 1",
            "public final class A {}", "    public nonisolated(nonsending) func a() async {",
            "    public private(set) var a = 1", "    public init(a: Int) {",
            "@discardableResult\npublic func a() -> Int { 1 }", "// A word.\npublic func a() {}",
            "/// A.\npublic enum A {\n    case a\n}",
            "/// A.\npublic protocol A {\n    func a()\n}",
        ])
    func wordless(text: String) {
        #expect(self.undocumented(text) == 1)
    }

    @Test("what is described, what is not public, and what only conforms is left alone")
    func described() {
        #expect(self.undocumented("/// A.\n@discardableResult\npublic func a() -> Int { 1 }") == 0)
        #expect(self.undocumented("struct A {\n    var a: Int\n}") == 0)
        #expect(self.undocumented("    public var description: String { \"\" }") == 0)
        #expect(
            self.undocumented(
                """
                /// A.
                public protocol A {
                    /// B.
                    func b()
                }
                extension A {
                    public func b() {}
                }
                """) == 0)
    }
}
