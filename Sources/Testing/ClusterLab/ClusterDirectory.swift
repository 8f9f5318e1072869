import Foundation
import Glibc

/// One cluster's files: its plan, and a configuration, a log and a pid file for each node.
package struct ClusterDirectory: Hashable, Sendable {
    package let path: String

    package var planFile: String { "\(self.path)/plan.json" }
    package var defaultData: String { "\(self.path)/data" }
    package func configuration(of node: String) -> String { "\(self.path)/\(node).conf" }
    package func log(of node: String) -> String { "\(self.path)/\(node).log" }
    package func pidFile(of node: String) -> String { "\(self.path)/\(node).pid" }

    package func loadPlan() throws -> ClusterPlan? {
        guard let text = SmallFile.read(self.planFile) else { return nil }
        do {
            return try JSONDecoder().decode(ClusterPlan.self, from: Data(text.utf8))
        } catch {
            throw LabError.failed(
                "\(self.planFile) is not a plan of this version (\(error)); end its processes "
                    + "by hand and delete the directory")
        }
    }

    package func save(_ plan: ClusterPlan) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(plan), as: UTF8.self)
        try SmallFile.write(text + "\n", to: self.planFile)
    }

    /// Runs `body` while no other lab process works on the same cluster.
    package func exclusively<Result>(_ body: () throws -> Result) throws -> Result {
        try SmallFile.makeDirectory(self.path)
        let file = open("\(self.path)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw LabError.failed("cannot write in \(self.path)") }
        defer { close(file) }
        let isFree = try wait(atMost: .seconds(30), every: .milliseconds(100)) {
            flock(file, LOCK_EX | LOCK_NB) == 0
        }
        guard isFree else {
            throw LabError.failed(
                "another launch command has been at work on \(self.path) for 30 s")
        }
        return try body()
    }
}
