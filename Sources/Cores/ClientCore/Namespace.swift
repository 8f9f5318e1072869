package import MessageFormat

/// Keeps the topics and groups of several users of one cluster apart, wholly in the client: `T` is
/// `namespace%T` at the brokers, and `%RETRY%G` is `%RETRY%namespace%G`.
package struct Namespace: Hashable, Sendable {
    /// Everything has the name that it is given.
    package static let none = Namespace(nil)

    /// Nil: there is none.
    package let name: String?

    package init(_ name: String?) { self.name = name?.isEmpty == true ? nil : name }

    /// The name at the brokers. One that has the namespace already stays as it is, and so do names
    /// that all users share.
    package func full(_ resource: String) -> String {
        guard let name = self.name, !resource.isEmpty, !Self.isShared(resource) else {
            return resource
        }
        let (kind, own) = Self.split(resource)
        return own.hasPrefix("\(name)%") ? resource : "\(kind)\(name)%\(own)"
    }

    /// The name that a user knows. Those of other namespaces stay as they are.
    package func bare(_ resource: String) -> String {
        guard let name = self.name else { return resource }
        let (kind, own) = Self.split(resource)
        return own.hasPrefix("\(name)%") ? String(kind + own.dropFirst(name.count + 1)) : resource
    }

    package func full(_ queue: MessageQueue) -> MessageQueue {
        var queue = queue
        queue.topic = self.full(queue.topic)
        return queue
    }

    package func bare(_ queue: MessageQueue) -> MessageQueue {
        var queue = queue
        queue.topic = self.bare(queue.topic)
        return queue
    }

    private static func isShared(_ resource: String) -> Bool {
        SystemTopic.isSystem(resource) || resource.hasPrefix("CID_RMQ_SYS_")
    }

    /// What stays in front, and the rest.
    private static func split(_ resource: String) -> (kind: Substring, own: Substring) {
        for kind in [ResourceName.retryPrefix, ResourceName.deadLetterPrefix]
        where resource.hasPrefix(kind) {
            return (resource.prefix(kind.count), resource.dropFirst(kind.count))
        }
        return ("", resource[...])
    }
}
