/// A node's configuration file: `key=value` lines in RocketMQ's properties form.
package enum NodeFile {
    /// The template with these settings: a key that the template has keeps its line and its
    /// comments, the others follow at the end in alphabetical order.
    package static func fill(_ template: String, with settings: [String: String]) -> String {
        var missing = settings
        var lines = template.split(separator: "\n", omittingEmptySubsequences: false).map(
            String.init)
        for (index, line) in lines.enumerated() {
            guard let key = Self.key(of: line), let value = settings[key] else { continue }
            lines[index] = "\(key)=\(value)"
            missing[key] = nil
        }
        while lines.last?.isEmpty == true { lines.removeLast() }
        lines += missing.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func key(of line: String) -> String? {
        guard !line.hasPrefix("#"), let equals = line.firstIndex(of: "=") else { return nil }
        return String(line[..<equals].filter { $0 != " " })
    }
}
