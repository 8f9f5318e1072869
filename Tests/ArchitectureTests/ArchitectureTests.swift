import Testing

@Suite("the folder tree is the architecture")
struct ArchitectureTests {
    let tree = SourceTree()

    @Test("every source imports only what its layer may know")
    func imports() throws {
        let files = try self.tree.swiftFiles(under: "Sources")
        #expect(Set(files.map(\.layer)).count == 7, "the walk must reach every layer")
        #expect(Violations.imports(of: files) == [])
    }

    @Test("every file is named after an idea")
    func names() throws {
        let files =
            try self.tree.swiftFiles(under: "Sources") + self.tree.swiftFiles(under: "Tests")
        #expect(Violations.names(of: files) == [])
    }

    @Test("the top directory holds what a newcomer expects, and no more")
    func topLevel() throws {
        #expect(try Violations.topLevel(self.tree.topLevelEntries()) == [])
    }

    @Test(
        "an import from the wrong layer is noticed, however it is written",
        arguments: [
            ("Sources/Cores/LogCore/A.swift", "import Foundation"),
            ("Sources/Cores/LogCore/A.swift", "package import struct Glibc.timespec"),
            ("Sources/Cores/LogCore/A.swift", "    import Synchronization"),
            ("Sources/Cores/LogCore/A.swift", "internal import DeliveryCore"),
            ("Sources/Engines/BrokerEngine/A.swift", "@preconcurrency import Dispatch"),
            ("Sources/Engines/BrokerEngine/A.swift", "import NIOCore"),
            ("Sources/Formats/MessageFormat/A.swift", "import NIOCore"),
            ("Sources/Shells/Storage/A.swift", "import LogCore"),
            ("Sources/Services/Broker/A.swift", "package import ArgumentParser"),
            ("Sources/Services/Broker/A.swift", "import Foundation"),
            ("Sources/Executables/apus/A.swift", "import DeliveryCore"),
            ("Sources/Elsewhere/New/A.swift", ""),
        ])
    func wrongImport(path: String, line: String) {
        let files = [
            SourceTree.File(path: path, text: "// A file.\n\(line)\n"),
            SourceTree.File(path: "Sources/Cores/DeliveryCore/B.swift", text: ""),
            SourceTree.File(path: "Sources/Cores/LogCore/B.swift", text: ""),
        ]
        #expect(Violations.imports(of: files).count == 1)
    }

    @Test("an import that the layer's job needs is allowed")
    func rightImports() {
        let files = [
            SourceTree.File(
                path: "Sources/Engines/BrokerEngine/A.swift",
                text: "package import LogCore\nimport RemotingProtocol\nimport DequeModule"),
            SourceTree.File(path: "Sources/Cores/LogCore/B.swift", text: "import MessageFormat"),
            SourceTree.File(
                path: "Sources/Formats/RemotingProtocol/C.swift", text: "package import NIOCore"),
        ]
        #expect(Violations.imports(of: files) == [])
    }

    @Test("a file named after no idea, or at the wrong place, is noticed")
    func wrongNames() {
        func names(_ name: String) -> Int {
            Violations.names(of: [.init(path: "Sources/Cores/LogCore/\(name)", text: "")]).count
        }
        #expect(names("StringUtils.swift") == 1)
        #expect(names("TopicManager.swift") == 1)
        #expect(names("ImplicitTopic.swift") == 0)
        #expect(names("CommitLog+Recovery.swift") == 0)
        #expect(Violations.topLevel(["Package.swift", "scripts"]).count == 1)
    }
}
