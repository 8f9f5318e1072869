/// Small settings that administrators leave with the name server for others to read.
///
/// In memory only: after a restart they must be put again. RocketMQ keeps them in a file; the one
/// setting that clients depend on, the order of topics, is off by default and read by few.
package struct KeyValueConfig: Hashable, Sendable {
    package enum PutError: Error, Hashable {
        case blank(field: String)
        case full(bytesMax: Int)
    }

    private let bytesMax: Int
    /// No namespace is without entries.
    private var namespaces: [String: [String: String]] = [:]
    /// What all entries weigh together.
    private(set) package var bytes = 0

    package init(limits: RoutingLimits = RoutingLimits()) {
        self.bytesMax = limits.settingsBytesMax
    }

    package func value(of key: String, in namespace: String) -> String? {
        self.namespaces[namespace]?[key]
    }

    /// All entries of a namespace, or nil if there are none.
    package func entries(of namespace: String) -> [String: String]? { self.namespaces[namespace] }

    package mutating func put(
        _ value: String, for key: String, in namespace: String
    ) throws(PutError) {
        if namespace.allSatisfy(\.isWhitespace) { throw .blank(field: "namespace") }
        if key.allSatisfy(\.isWhitespace) { throw .blank(field: "key") }

        let freed = self.weight(of: key, in: namespace)
        let added = Self.weight(of: value, for: key, in: namespace)
        guard self.bytes - freed + added <= self.bytesMax else {
            throw .full(bytesMax: self.bytesMax)
        }
        self.namespaces[namespace, default: [:]][key] = value
        self.bytes += added - freed
    }

    package mutating func delete(_ key: String, in namespace: String) {
        self.bytes -= self.weight(of: key, in: namespace)
        self.namespaces[namespace]?[key] = nil
        if self.namespaces[namespace]?.isEmpty == true { self.namespaces[namespace] = nil }
    }

    private func weight(of key: String, in namespace: String) -> Int {
        guard let value = self.value(of: key, in: namespace) else { return 0 }
        return Self.weight(of: value, for: key, in: namespace)
    }

    /// An entry takes room even if its texts are short.
    private static func weight(of value: String, for key: String, in namespace: String) -> Int {
        namespace.utf8.count + key.utf8.count + value.utf8.count + 64
    }
}

extension KeyValueConfig.PutError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .blank(let field): "\(field) must not be blank"
        case .full(let bytesMax): "the name server's settings would exceed \(bytesMax) bytes"
        }
    }
}
