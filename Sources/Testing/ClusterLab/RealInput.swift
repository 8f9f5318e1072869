/// A text file that goes through the cluster line by line, as a user would send it.
package struct RealInput {
    private static let toolEndsWithin: Duration = .seconds(30)

    private let cluster: Cluster
    private let file: String
    private let topic = "License"

    package init(cluster: Cluster, file: String) {
        self.cluster = cluster
        self.file = file
    }

    /// Produces the file's lines, consumes them again, and compares.
    ///
    /// A topic's queues have no order among each other, so the lines are compared as a set with
    /// repetitions.
    ///
    /// - Returns: how many lines came back.
    package func roundTrip() throws -> Int {
        let sent = self.lines(SmallFile.read(self.file) ?? "")
        guard !sent.isEmpty else { throw LabError.failed("cannot read \(self.file)") }
        _ = try self.apus("produce", ["--file", self.file])
        let output = try self.apus(
            "consume",
            [
                "--group", "license-readers", "--from", "first", "--count", "\(sent.count)",
                "--format", "body",
            ])
        let received = self.lines(output)
        guard received.sorted() == sent.sorted() else {
            throw LabError.failed(
                "\(sent.count) lines of \(self.file) went in, \(received.count) came out, and "
                    + "they are not the same")
        }
        return received.count
    }

    private func lines(_ text: String) -> [Substring] {
        text.split(separator: "\n", omittingEmptySubsequences: true)
    }

    private func apus(_ verb: String, _ arguments: [String]) throws -> String {
        let tool = try ToolProcess(
            verb, self.cluster.directories.executable("apus"),
            [verb, "--name-server", self.cluster.plan.nameServerAddresses, "--topic", self.topic]
                + arguments, directory: self.cluster.directory.path)
        do {
            guard try tool.end(within: Self.toolEndsWithin) == .exited(0) else {
                throw tool.problem("failed")
            }
            return tool.outputText
        } catch {
            tool.kill()
            throw error
        }
    }
}
