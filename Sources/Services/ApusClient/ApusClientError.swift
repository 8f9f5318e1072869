/// Why an operation of the client failed.
public struct ApusClientError: Error, Sendable {
    /// The kind of failure. More may be added.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        public let description: String

        private init(_ description: String) { self.description = description }

        /// An argument cannot be right, whatever the cluster's state.
        public static let invalidArgument = Self("invalidArgument")
        /// No name server could be reached.
        public static let nameServerUnreachable = Self("nameServerUnreachable")
        /// A broker could not be reached, or its connection was lost.
        public static let brokerUnreachable = Self("brokerUnreachable")
        /// The topic does not exist and is not created by sending to it.
        public static let topicNotFound = Self("topicNotFound")
        public static let groupNotFound = Self("groupNotFound")
        /// Nobody says where the topic or the queue is now: no broker that takes it is up.
        public static let noRoute = Self("noRoute")
        public static let timedOut = Self("timedOut")
        /// The server has too much to do, or the client too much in flight.
        public static let busy = Self("busy")
        /// The broker took the message but could not make it as durable as configured in time.
        public static let notDurable = Self("notDurable")
        /// The broker or the client refuses this message: size, properties, name.
        public static let messageRefused = Self("messageRefused")
        public static let notPermitted = Self("notPermitted")
        /// What was asked for does not exist.
        public static let notFound = Self("notFound")
        /// The server answered with an error that has no code of its own here.
        public static let serverError = Self("serverError")
        /// The server's answer cannot be understood.
        public static let badAnswer = Self("badAnswer")
        /// The producer or consumer was closed.
        public static let closed = Self("closed")
        /// The calling task was cancelled.
        public static let cancelled = Self("cancelled")
    }

    public var code: Code
    /// What failed, where, and the numbers that matter.
    public var message: String
    public var cause: (any Error)?
    /// The wire's response code, if a server answered.
    public var responseCode: Int?
    /// Of a failed send: whether consumers may nevertheless see the message. False is a promise.
    public var mayHaveBeenStored: Bool

    public init(
        _ code: Code, _ message: String, cause: (any Error)? = nil, responseCode: Int? = nil,
        mayHaveBeenStored: Bool = false
    ) {
        self.code = code
        self.message = message
        self.cause = cause
        self.responseCode = responseCode
        self.mayHaveBeenStored = mayHaveBeenStored
    }
}

extension ApusClientError: CustomStringConvertible {
    public var description: String {
        let code = self.responseCode.map { "\(self.code), response code \($0)" }
        return "\(self.message) (\(code ?? self.code.description))"
    }
}
